// Effects that happen once, although an activity may run more than once.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const table = process.env.EFFECTS_TABLE;
const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient({}));

// Record an effect under its name, unless it is there, and count the calls; what is recorded.
// One update: the value is set by the first call only, the count by every one.
export async function once(order, effect, value) {
  const answer = await dynamodb.send(
    new UpdateCommand({
      TableName: table,
      Key: { order, effect },
      UpdateExpression: 'SET #value = if_not_exists(#value, :value) ADD calls :one',
      ExpressionAttributeNames: { '#value': 'value' },
      ExpressionAttributeValues: { ':value': value, ':one': 1 },
      ReturnValues: 'ALL_NEW',
    }),
  );
  return answer.Attributes.value;
}
