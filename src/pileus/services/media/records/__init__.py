"""Sources whose pieces are records: JSON that is pushed, read over HTTP, or out of a Kinesis stream."""
