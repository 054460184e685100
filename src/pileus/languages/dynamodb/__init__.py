"""The expression language of DynamoDB over wire attribute values (``{"S": "x"}``, B as bytes)."""
