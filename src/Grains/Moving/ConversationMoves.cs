namespace Evergrain.Grains.Moving;

/// <summary>Where the conversations go that are to leave this silo.</summary>
/// <param name="next">The next one's silo; null: no more are to go now.</param>
/// <param name="leavesNothing">Whether what is too large to move ends here, to begin cold elsewhere.</param>
internal sealed class MovePlan(Func<SiloAddress?> next, bool leavesNothing)
{
    public bool LeavesNothing => leavesNothing;

    public SiloAddress? Next() => next();
}

/// <summary>
/// Moves conversations away, so many bytes at a time: Orleans packs what moves to one silo into one message, and drops
/// all of it where that gets too large.
/// </summary>
internal sealed class ConversationMoves(WarmConversations warm, ClusterLoads loads, ConversationClusterOptions options)
{
    /// <summary>
    /// What moves at most: Orleans' messages have 100 MB. A larger conversation is read from the journal instead.
    /// </summary>
    public const long ConversationBytesMax = 64L << 20;

    // A place is taken by an estimate. Orleans' message must hold all that moves, if it is as wrong as this.
    private const int EstimateErrorMax = 3;

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _moving = [];
    private MovePlan? _plan;
    private volatile bool _isClosed;
    private volatile bool _isClosing;
    private long _bytes;

    /// <summary>Bytes that a conversation may be in a message, where it took a place for so many.</summary>
    public static long SnapshotBytesMax(long estimated) =>
        Math.Min(ConversationBytesMax, EstimateErrorMax * estimated);

    /// <summary>The conversations that are warm here.</summary>
    public WarmConversations Warm => warm;

    /// <summary>Whether conversations are to leave, so that one that comes to rest should ask.</summary>
    public bool IsOn => Volatile.Read(ref _plan) is not null;

    /// <summary>Whether no turn begins here any more, though its conversation has not left.</summary>
    public bool IsClosed => _isClosed || (_isClosing && loads.Emptiest is not null);

    /// <summary>
    /// From now on turns wait for the next activation, as long as another silo takes conversations: one whose turns
    /// overlap would else never come to rest, and never leave.
    /// </summary>
    public void BeginToClose() => _isClosing = true;

    /// <summary>The time to leave is over: turns that begin wait for the next activation.</summary>
    public void Close() => _isClosed = true;

    /// <summary>
    /// From now on conversations leave by this plan; null: they stay. One that leaves nothing is the last.
    /// </summary>
    public void Follow(MovePlan? plan)
    {
        lock (_gate)
        {
            if (_plan is not { LeavesNothing: true })
            {
                _plan = plan;
            }
        }
    }

    /// <summary>
    /// Takes a place among those that move; it is given back when the activation has ended. Called in the grain's own
    /// time, when it is at rest.
    /// </summary>
    /// <param name="conversation">The conversation.</param>
    /// <param name="silo">Where to; null: it is too large, and begins cold elsewhere.</param>
    /// <returns>Whether it is to go now.</returns>
    public bool TryBegin(WarmConversation conversation, out SiloAddress? silo)
    {
        silo = null;
        lock (_gate)
        {
            var bytes = conversation.Bytes;
            if (_plan is not { } plan || !HasRoom(bytes))
            {
                return false;
            }

            if (bytes > ConversationBytesMax)
            {
                return plan.LeavesNothing && loads.Emptiest is not null;
            }

            silo = plan.Next();
            if (silo is null)
            {
                // A drain goes on when another silo comes.
                _plan = plan.LeavesNothing ? plan : null;
                return false;
            }

            loads.Sent(silo);
            _bytes += bytes;
            _moving.Add(GiveBackAsync(conversation, bytes));
            return true;
        }
    }

    /// <summary>Asks conversations that are at rest to leave, one after the other as there is room.</summary>
    public async Task AskAsync(IEnumerable<WarmConversation> conversations, CancellationToken cancellationToken)
    {
        foreach (var conversation in conversations)
        {
            while (!HasRoomNow(conversation.Bytes))
            {
                await warm.WaitForChangeAsync(cancellationToken);
            }

            if (!IsOn)
            {
                return;
            }

            await conversation.MoveIfAskedAsync().WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends when what moves has arrived, or has not.</summary>
    public Task EndedAsync()
    {
        lock (_gate)
        {
            return Task.WhenAll(_moving);
        }
    }

    private bool HasRoomNow(long bytes)
    {
        lock (_gate)
        {
            return HasRoom(bytes);
        }
    }

    // One that is larger than all of the room goes alone.
    private bool HasRoom(long bytes) => _bytes == 0 || _bytes + bytes <= options.MoveBytesMax;

    private async Task GiveBackAsync(WarmConversation conversation, long bytes)
    {
        await conversation.Ended.ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_gate)
        {
            _bytes -= bytes;
            _moving.RemoveWhere(static moving => moving.IsCompleted);
        }

        warm.Changed();
    }
}
