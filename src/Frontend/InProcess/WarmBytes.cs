using Evergrain.Conversations.Hosts;

namespace Evergrain.Frontend.InProcess;

/// <summary>Adds up the bytes of warm conversations, and asks for a sweep when they exceed the budget.</summary>
internal sealed class WarmBytes(Func<long> budget, ConversationInstruments instruments)
{
    private readonly SemaphoreSlim _sweep = new(0, 1);
    private long _bytes;

    /// <summary>Bytes over the budget; negative: room.</summary>
    public long Excess => Interlocked.Read(ref _bytes) - budget();

    public void Change(long difference)
    {
        if (difference == 0)
        {
            return;
        }

        instruments.WarmBytesChanged(difference);
        if (Interlocked.Add(ref _bytes, difference) > budget() && difference > 0)
        {
            AskForSweep();
        }
    }

    /// <summary>Ends when a sweep is asked for.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _sweep.WaitAsync(cancellationToken);

    public void AskForSweep()
    {
        try
        {
            if (_sweep.CurrentCount == 0)
            {
                _sweep.Release();
            }
        }
        catch (SemaphoreFullException)
        {
            // Another caller asked for the same sweep.
        }
    }
}
