using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Stored creates that run, by their bytes. A client that got no answer sends the same bytes again, as SDKs do after a
/// proxy's 504. Each try is a turn of its own, and one that nobody reads any more is cancelled.
/// </summary>
/// <remarks>
/// It knows the creates of this process. One with an idempotency key is the same turn at each try, a background turn
/// needs no reader, and an unstored turn ends with its request: these stay as they are.
/// </remarks>
/// <param name="services">The conversations, and who is told.</param>
/// <param name="ids">Draws the key of the marks.</param>
internal sealed class RepeatedCreates(TurnServices services, IIdSource ids)
{
    // An SDK tries again within seconds. The oldest are forgotten, and run on as if nobody had come.
    private const int LeftMax = 4096;

    private readonly ByteMarks _marks = new(ids);
    private readonly Lock _gate = new();
    private readonly HashSet<Try> _all = [];
    private readonly Dictionary<(string Tenant, UInt128 Mark), Try> _newest = [];
    private readonly Queue<Try> _left = new();

    /// <summary>
    /// Notes a create that is about to start. The try before it is cancelled first, where nobody reads that any more.
    /// </summary>
    /// <returns>Null where another try changes nothing.</returns>
    public async ValueTask<Try?> EnterAsync(string tenant, ReceivedCreate create)
    {
        if (!create.IsStored || create.IsBackground || create.IsKeyed)
        {
            return null;
        }

        var added = new Try((tenant, _marks.Of(create.Body.Written.Span, before: 0)));
        TurnAddress? unread = null;
        lock (_gate)
        {
            if (_newest.Remove(added.Key, out var before))
            {
                before.IsRepeated = true;
                if (before.IsLeft)
                {
                    unread = before.Turn;
                    _all.Remove(before);
                }
            }

            _newest.Add(added.Key, added);
            _all.Add(added);
        }

        await CancelAsync(unread);
        return added;
    }

    /// <summary>Its reader has all events.</summary>
    public void End(Try? ended)
    {
        if (ended is not null)
        {
            lock (_gate)
            {
                Forget(ended);
            }
        }
    }

    /// <summary>Somebody reads a turn by its id: it is not cancelled when its create comes again.</summary>
    public void Keep(TurnAddress turn)
    {
        lock (_gate)
        {
            // A reader has another lease.
            if (_all.FirstOrDefault(one => one.Turn is { } its && its.Response == turn.Response &&
                its.Tenant == turn.Tenant) is { } read)
            {
                read.IsKept = true;
                Forget(read);
            }
        }
    }

    /// <summary>Its reader has left. The turn is cancelled if its create came again meanwhile.</summary>
    public async ValueTask LeaveAsync(Try? left)
    {
        if (left is null)
        {
            return;
        }

        TurnAddress? unread = null;
        lock (_gate)
        {
            left.IsLeft = true;
            if (left.Turn is null || left.IsKept)
            {
                Forget(left);
            }
            else if (left.IsRepeated)
            {
                unread = left.Turn;
                Forget(left);
            }
            else
            {
                KeepLeft(left);
            }
        }

        await CancelAsync(unread);
    }

    private void KeepLeft(Try left)
    {
        _left.Enqueue(left);
        if (_left.Count > LeftMax)
        {
            Forget(_left.Dequeue());
        }
    }

    private void Forget(Try one)
    {
        _all.Remove(one);
        if (_newest.GetValueOrDefault(one.Key) == one)
        {
            _newest.Remove(one.Key);
        }
    }

    private async ValueTask CancelAsync(TurnAddress? unread)
    {
        if (unread is not { } turn)
        {
            return;
        }

        try
        {
            await services.Conversations.CancelAsync(turn, CancellationToken.None);
            services.Instruments.Turns.Repeated();
        }
        catch (ConversationException)
        {
            // It was deleted, or cannot be reached: then it ends by itself.
        }
        catch (Exception e)
        {
            // The other try goes on without it.
            services.Instruments.Faults.Mask(e);
        }
    }

    /// <summary>One try of a create.</summary>
    internal sealed class Try((string Tenant, UInt128 Mark) key)
    {
        public (string Tenant, UInt128 Mark) Key { get; } = key;

        /// <summary>Its turn, once it has started.</summary>
        public TurnAddress? Turn { get; set; }

        /// <summary>Whether nobody reads it any more.</summary>
        public bool IsLeft { get; set; }

        /// <summary>Whether somebody reads it, or read it, by its id.</summary>
        public bool IsKept { get; set; }

        /// <summary>Whether the create came again.</summary>
        public bool IsRepeated { get; set; }
    }
}
