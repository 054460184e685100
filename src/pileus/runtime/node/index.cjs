'use strict';

// The Node runtime: finds the handler, then answers invocations until the node hangs up.
// Started with the descriptor of its link as the only argument.

const { contextOf } = require('./context.cjs');
const { Fault, toDocument, toText } = require('./faults.cjs');
const { Link, kinds } = require('./link.cjs');
const { load } = require('./handler.cjs');
const log = require('./log.cjs');
const streaming = require('./streaming.cjs');

const RESPONSE_BYTES_MAX = 6291556;
const CALLBACKS_END_AT = 24;
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;
const NEVER_SETTLED = 'The Lambda runtime client detected an unexpected Node.js exit code. This is most ' +
  'commonly caused by a Promise that was never settled. For more information, see ' +
  'https://nodejs.org/docs/latest/api/process.html#exit-codes';
const NO_CALLBACKS = 'AWS Lambda has removed support for callback-based function handlers starting with ' +
  'Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or ' +
  'later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

const hasCallbacks = !(Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? '')?.[1]) >= CALLBACKS_END_AT);
let handler;
let link;
let current; // the invocation under way
let onEmptyLoop; // what becomes of it when nothing is left to do

/** One invocation: answers at most once. */
class Invocation {
  #isAnswered = false;

  constructor(fields) {
    this.fields = fields;
    this.requestId = fields[0];
    this.waits = { isWanted: true };
  }

  succeed(value) {
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch (error) {
      this.fail(new Fault('Runtime.MarshalError', `Unable to stringify response body: ${error.message}`));
      return;
    }
    const payload = Buffer.from(text ?? 'null');
    if (payload.length > RESPONSE_BYTES_MAX) {
      const detail = `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
      this.fail(new Fault('Function.ResponseSizeTooLarge', detail));
      return;
    }
    this.answer(kinds.RESULT, payload);
  }

  fail(error) {
    if (this.#isAnswered) return;
    log.writeFailure('Invoke Error', error, toText(error));
    this.answer(kinds.ERROR, JSON.stringify(toDocument(error)));
  }

  part(chunk, contentType, done) {
    link.send(kinds.PART, [this.requestId, contentType], chunk, done);
  }

  answer(kind, payload, done) {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    current = undefined;
    onEmptyLoop = undefined;
    link.isHolding = true;
    link.send(kind, [this.requestId], payload, done);
  }
}

function invoke(fields, payload) {
  const invocation = new Invocation(fields);
  current = invocation;
  // From here on only what the handler started keeps the process busy.
  link.isHolding = false;
  log.setRequestId(invocation.requestId);
  setTrace(fields[2]);
  onEmptyLoop = () => nothingLeft(invocation);
  try {
    const event = JSON.parse(payload.toString());
    if (streaming.isStreaming(handler)) runStreaming(invocation, event);
    else runPlain(invocation, event);
  } catch (error) {
    invocation.fail(error);
  }
}

function setTrace(trace) {
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
}

function runPlain(invocation, event) {
  const context = contextOf(invocation.fields, hasCallbacks && invocation.waits, process.env);
  const callback = (error, value) => {
    if (error !== undefined && error !== null) invocation.fail(error);
    else if (invocation.waits.isWanted) onEmptyLoop = () => invocation.succeed(value);
    else invocation.succeed(value);
  };
  let result;
  if (hasCallbacks) {
    const now = (error, value) => {
      invocation.waits.isWanted = false;
      callback(error, value);
    };
    context.done = now;
    context.succeed = (value) => now(null, value);
    context.fail = (error) => now(error ?? 'handled');
    result = handler(event, context, callback);
  } else {
    result = handler(event, context);
  }
  if (typeof result?.then === 'function') {
    invocation.isPromised = true;
    result.then((value) => invocation.succeed(value), (error) => invocation.fail(error));
  } else if (!hasCallbacks) {
    invocation.succeed(result);
  }
}

function runStreaming(invocation, event) {
  const context = contextOf(invocation.fields, false, process.env);
  const stream = streaming.streamFor(handler, (chunk, type, done) => invocation.part(chunk, type, done));
  const ended = new Promise((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
  });
  const result = handler(event, stream, context);
  if (typeof result?.then !== 'function') {
    throw new Fault('Runtime.InvalidStreamingOperation', 'Streaming handlers must be async.');
  }
  invocation.isPromised = true;
  Promise.all([result, ended]).then(
    () => invocation.answer(kinds.RESULT, ''),
    (error) => invocation.fail(error),
  );
}

/** The event loop is empty and the handler has not answered. */
function nothingLeft(invocation) {
  if (!invocation.isPromised) {
    invocation.succeed(null);
    return;
  }
  leave(new Fault('Runtime.NodejsExit', NEVER_SETTLED), 'Invoke Error', EXIT_EXCEPTION);
}

/** Report what cannot be recovered from, and end the process. */
function leave(error, text, status) {
  log.writeFailure(text, error, toText(error));
  const document = JSON.stringify(toDocument(error));
  const end = () => process.reallyExit(status);
  const invocation = current;
  if (!link) end();
  else if (handler === undefined) link.send(kinds.INIT_ERROR, [], document, end);
  else if (invocation) invocation.answer(kinds.LAST_ERROR, document, end);
  else end();
}

process.on('beforeExit', () => {
  const action = onEmptyLoop;
  onEmptyLoop = undefined;
  action?.();
});
process.on('uncaughtException', (error) => leave(error, 'Uncaught Exception', EXIT_EXCEPTION));
process.on('unhandledRejection', (reason) => {
  const fault = new Fault('Runtime.UnhandledPromiseRejection', String(reason));
  fault.reason = reason;
  leave(fault, 'Unhandled Promise Rejection', EXIT_REJECTION);
});

async function main() {
  link = new Link(Number(process.argv[2]), invoke);
  process.argv.length = 2;
  log.attach();
  streaming.attach();
  try {
    const found = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
    const isOldStyle = !streaming.isStreaming(found) && found.length >= 3;
    if (!hasCallbacks && isOldStyle) throw new Fault('Runtime.CallbackHandlerDeprecated', NO_CALLBACKS);
    handler = found;
  } catch (error) {
    leave(error, 'Uncaught Exception', EXIT_EXCEPTION);
    return;
  }
  link.send(kinds.READY, [], '');
}

main();
