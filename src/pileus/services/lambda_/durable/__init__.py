"""Durable functions: executions that outlive their invocations.

https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
"""
