'use strict';

// The second argument of a handler. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html

function parsed(text, name) {
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error.message}`);
  }
}

/** `waits.isWanted` is what callbackWaitsForEmptyEventLoop reads and sets. */
function contextOf(fields, waits, environment) {
  const [requestId, deadline, , arn, clientContext, identity] = fields;
  const context = {
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(clientContext, 'client context'),
    identity: parsed(identity, 'cognito identity'),
    invokedFunctionArn: arn,
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => Number(deadline) - Date.now(),
  };
  if (waits) {
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
      enumerable: true,
      get: () => waits.isWanted,
      set: (wanted) => { waits.isWanted = Boolean(wanted); },
    });
  }
  return context;
}

module.exports = { contextOf };
