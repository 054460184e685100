"""What every adapter of a port must do, as functions an adapter's author runs.

Each module has ``CONTRACT``, a tuple of coroutine functions. A check gets one argument, a function
that opens the store under test; calling it again opens the same data afresh (after ``close`` where
the port has one). A test module hands them to its runner::

    @pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
    async def test_my_blobs(check, tmp_path):
        await check(lambda: MyBlobs(tmp_path))
"""
