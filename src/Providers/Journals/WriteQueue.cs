using System.Threading.Channels;

namespace Evergrain.Providers.Journals;

/// <summary>
/// Appends and deletes that wait for a writer, in bounded number, and their division into transactions. Any number of
/// callers; any number of writers.
/// </summary>
/// <param name="lengthMax">Writes that wait; more wait to enter.</param>
/// <param name="countMax">Writes of one transaction.</param>
/// <param name="bytesMax">Bytes of one transaction; a write that alone has more goes alone.</param>
/// <param name="arrived">Called after a write has entered, or the queue was closed.</param>
internal sealed class WriteQueue(int lengthMax, int countMax, int bytesMax, Action? arrived = null)
{
    private readonly Channel<PendingWrite> _waiting = Channel.CreateBounded<PendingWrite>(lengthMax);

    // Between looking at the next write and taking it no other writer may come.
    private readonly Lock _taking = new();

    /// <summary>Whether the queue is closed and every write was taken.</summary>
    public bool IsDrained => _waiting.Reader.Completion.IsCompleted;

    /// <summary>Ends when the write is durable, refused or failed.</summary>
    public async Task WriteAsync(PendingWrite write, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingWrite)state!).Cancel(token), write);
        try
        {
            await _waiting.Writer.WriteAsync(write, cancellationToken);
        }
        catch (ChannelClosedException e)
        {
            throw new ObjectDisposedException("The journal is closed.", e);
        }

        arrived?.Invoke();
        await write.Done;
    }

    /// <summary>Ends when a write waits; false once the queue is drained.</summary>
    public ValueTask<bool> WaitAsync() => _waiting.Reader.WaitToReadAsync(CancellationToken.None);

    /// <summary>Takes what waits, as far as it fits into one transaction; false if nothing waits.</summary>
    public bool TryTake(List<PendingWrite> batch)
    {
        lock (_taking)
        {
            var bytes = 0L;
            while (batch.Count < countMax && _waiting.Reader.TryPeek(out var next))
            {
                bytes += next.Records.Length;
                if (batch.Count > 0 && bytes > bytesMax)
                {
                    break;
                }

                if (_waiting.Reader.TryRead(out var write) && write.TryTake())
                {
                    batch.Add(write);
                }
            }

            return batch.Count > 0;
        }
    }

    /// <summary>Takes no more writes; those that wait can still be taken.</summary>
    public void Close()
    {
        _waiting.Writer.TryComplete();
        arrived?.Invoke();
    }
}
