'use strict';

// Errors as the documents and log records that AWS's Node runtimes make of them.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html

const { types } = require('node:util');

/** Something the runtime itself objects to; `name` is the type that AWS documents for it. */
class Fault extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
  }
}

function isError(value) {
  return types.isNativeError(value) || (value instanceof Error);
}

/** The error document of an invocation: what the caller gets. */
function toDocument(error) {
  try {
    if (isError(error)) {
      return {
        errorType: error.name,
        errorMessage: error.message,
        trace: String(error.stack ?? '').split('\n'),
      };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while ' +
        'retrieving one or more of its message, name, and stack',
    };
  }
}

/** The same with everything the error carries, for the log. */
function toRecord(error) {
  if (!isError(error)) return toDocument(error);
  return {
    errorType: error.name,
    errorMessage: error.message,
    ...error,
    stack: String(error.stack ?? '').split('\n'),
  };
}

/** `toRecord` as text; an error that refers to itself loses what cannot be written. */
function toText(error) {
  const known = new WeakSet();
  return JSON.stringify(toRecord(error), (_, value) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (known.has(value)) return '[Circular]';
    known.add(value);
    return isError(value) ? toRecord(value) : value;
  });
}

module.exports = { Fault, isError, toDocument, toText };
