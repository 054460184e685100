"""One file per operation of SQS."""
