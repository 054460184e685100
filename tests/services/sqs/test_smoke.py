async def test_a(memory_platform):
    p=memory_platform
    u=(await p("sqs","CreateQueue",QueueName="q"))["QueueUrl"]
    await p("sqs","SendMessage",QueueUrl=u,MessageBody="x",DelaySeconds=5)
    r=await p("sqs","ReceiveMessage",QueueUrl=u,WaitTimeSeconds=20)
    assert r["Messages"][0]["Body"]=="x"
    p2=await p.restart()
    await p2.clock.advance(31_000)
    assert (await p2("sqs","ReceiveMessage",QueueUrl=u))["Messages"]
    await p2.crash()
