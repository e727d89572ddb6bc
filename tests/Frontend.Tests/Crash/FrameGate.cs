using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>Opens once a number of frames has been seen: so a slow machine is as busy then as a fast one.</summary>
internal sealed class FrameGate(int frames)
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left = frames;

    public void Count()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _opened.SetResult();
        }
    }

    /// <summary>Waits for the frames; the clients that see them must not stop before.</summary>
    public async Task OpenedBeforeAsync(Task clients)
    {
        if (await Task.WhenAny(_opened.Task, clients) == clients)
        {
            await clients;
            Assert.Fail("The clients stopped by themselves.");
        }
    }
}
