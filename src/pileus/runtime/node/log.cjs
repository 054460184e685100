'use strict';

// The console as AWS's Node runtimes have it: one record for each call, stamped with the request id.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

const fs = require('node:fs');
const { format } = require('node:util');
const { isError } = require('./faults.cjs');

const DESCRIPTOR = 2;
const FRAME_TEXT = 0xa55a0003;
const HEAD_BYTES = 16;
const PAUSE_MS = 1;
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = {
  trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR',
  fatal: 'FATAL',
};

const isJson = (process.env.AWS_LAMBDA_LOG_FORMAT ?? '').toUpperCase() === 'JSON';
const lowest = isJson
  ? Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? 'TRACE').toUpperCase()))
  : 0;
const pause = new Int32Array(new SharedArrayBuffer(4));
let requestId;

/** Name the invocation whose records follow; undefined while there is none. */
function setRequestId(id) {
  requestId = id;
}

/** One record, however many lines it has: length, time and text. */
function write(text) {
  const body = Buffer.from(text);
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(FRAME_TEXT, 0);
  head.writeUInt32BE(body.length, 4);
  head.writeBigUInt64BE(BigInt(Date.now()) * 1000n, 8);
  writeAll(Buffer.concat([head, body]));
}

function writeAll(data) {
  let at = 0;
  while (at < data.length) {
    try {
      at += fs.writeSync(DESCRIPTOR, data, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return; // the log is closed: nothing more can be said
      Atomics.wait(pause, 0, 0, PAUSE_MS); // process.stdout has made the pipe non-blocking
    }
  }
}

function record(level, given) {
  if (LEVELS.indexOf(level) < lowest) return;
  const stamp = new Date().toISOString();
  write(isJson ? jsonRecord(stamp, level, given) : textRecord(stamp, level, given));
}

function textRecord(stamp, level, given) {
  return `${stamp}\t${requestId}\t${level}\t${format(...given)}`;
}

function jsonRecord(stamp, level, given) {
  const entry = { timestamp: stamp, level, requestId };
  if (given.length === 1) {
    entry.message = given[0];
    try {
      return JSON.stringify(entry, (_, value) => (isError(value) ? described(value) : value));
    } catch {
      // a circular value is written as text below
    }
  }
  entry.message = format(...given);
  return JSON.stringify({ ...entry, ...described(given.find(isError)) });
}

function described(error) {
  if (error === undefined) return {};
  const stackTrace = String(error.stack ?? '').split('\n');
  return { errorType: error.name, errorMessage: error.message, stackTrace, ...error };
}

/** A failure in the runtime's own words: `text` names it, `error` is shown whole. */
function writeFailure(text, error, asText) {
  if (isJson) record('ERROR', [error]);
  else write(`${new Date().toISOString()}\t${requestId}\tERROR\t${text} \t${asText}`);
}

/** Route the console here. */
function attach() {
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = (...given) => record(level, given);
  }
}

module.exports = { attach, setRequestId, writeFailure };
