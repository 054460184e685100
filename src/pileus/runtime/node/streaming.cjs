'use strict';

// Response streaming: `awslambda.streamifyResponse` and `awslambda.HttpResponseStream`.
// https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html

const { Writable } = require('node:stream');
const { Fault } = require('./faults.cjs');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const CONTENT_TYPE_HTTP = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = Buffer.alloc(8);

/** The second argument of a streaming handler; `sendPart(chunk, contentType, done)` carries bytes. */
class ResponseStream extends Writable {
  #sendPart;
  #contentType = '';
  #prelude;

  constructor(sendPart, highWaterMark) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#sendPart = sendPart;
  }

  setContentType(contentType) {
    this.#contentType = String(contentType);
  }

  setPrelude(prelude) {
    this.#prelude = prelude;
  }

  _write(chunk, encoding, done) {
    this.#sendPart(Buffer.concat([this.#opening(), Buffer.from(chunk, encoding)]), this.#contentType, done);
  }

  _final(done) {
    const rest = this.#opening();
    if (rest.length || this.#contentType) this.#sendPart(rest, this.#contentType, done);
    else done();
  }

  /** What stands before the first bytes: status and headers of an HTTP answer. */
  #opening() {
    if (this.#prelude === undefined) return Buffer.alloc(0);
    const text = Buffer.from(JSON.stringify(this.#prelude));
    this.#prelude = undefined;
    return Buffer.concat([text, PRELUDE_END]);
  }
}

const HttpResponseStream = {
  /** `stream`, opened by status code, headers and cookies. */
  from(stream, metadata) {
    stream.setContentType(CONTENT_TYPE_HTTP);
    stream.setPrelude(metadata ?? {});
    return stream;
  },
};

/** Mark a handler as one that writes its answer piece by piece. */
function streamifyResponse(handler, options) {
  if (typeof handler !== 'function') {
    throw new Fault('Runtime.MalformedStreamingHandler', 'Streaming handler is not a function.');
  }
  handler[STREAMING] = 'response';
  if (options?.highWaterMark !== undefined) {
    handler[HIGH_WATER_MARK] = Number.parseInt(options.highWaterMark, 10);
  }
  return handler;
}

function isStreaming(handler) {
  return handler[STREAMING] === 'response';
}

function streamFor(handler, sendPart) {
  return new ResponseStream(sendPart, handler[HIGH_WATER_MARK]);
}

function attach() {
  globalThis.awslambda = { HttpResponseStream, streamifyResponse };
}

module.exports = { attach, isStreaming, streamFor };
