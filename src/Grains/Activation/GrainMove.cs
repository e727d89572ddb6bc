using System.Buffers;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Placement;

namespace Evergrain.Grains.Activation;

/// <summary>
/// Being warm in a silo, and leaving it for another. A conversation moves when nothing runs there: then all it holds
/// can be written down, its unstored turns too. Orleans lets the calls finish that are under way, deactivates, has the
/// other silo activate, and only then passes on what was asked meanwhile. Whatever fails on the way, the next
/// activation reads the journal; what was unstored is lost then, as with a silo.
/// </summary>
internal sealed partial class GrainMove(GrainActivation activation, GrainServices services, IGrainContext grain)
{
    private const string SnapshotKey = "evergrain.conversation";

    // A call whose turn is over is cancelled and has nothing more to say; the next activation must not wait for it.
    private static readonly TimeSpan MovingCallEndTime = TimeSpan.FromMilliseconds(250);

    private WarmConversation? _warm;
    private ReadOnlyMemory<byte> _snapshot;
    private TaskCompletionSource? _settled;

    /// <summary>Whether it was told to go to another silo.</summary>
    public bool IsMoving { get; private set; }

    /// <summary>Gives what the last activation wrote down; empty: nothing.</summary>
    public static ReadOnlyMemory<byte> OnRehydrate(IRehydrationContext context, GrainServices services)
    {
        if (!context.TryGetBytes(SnapshotKey, out var snapshot))
        {
            return default;
        }

        // Orleans takes its buffers back; the conversation keeps what it is given.
        var owned = snapshot.ToArray();
        return services.OnArrival?.Invoke(owned) ?? owned;
    }

    /// <summary>Begins with what the last activation wrote down; false: the journal is to be read.</summary>
    public bool TryArrive(ReadOnlyMemory<byte> snapshot)
    {
        if (snapshot.IsEmpty)
        {
            return false;
        }

        if (activation.Inner.TryRehydrate(snapshot, out var error))
        {
            services.Host.Services.Instruments.Rehydrated();
            return true;
        }

        LogNotRehydrated(services.Host.Logger, error, activation.Inner.Key.Id);
        return false;
    }

    /// <summary>The conversation is open: its silo knows of it until the activation ends.</summary>
    public void BecomeWarm()
    {
        _warm = new WarmConversation(
            () => activation.TellAsync(static _ => { }),
            InterruptAsync,
            LeaveIfIdleAsync,
            () => Task.WhenAny(services.Host.Journal.CompareAsync(activation), grain.Deactivated),
            grain.Deactivated);
        Used();
        services.Moves.Warm.Add(_warm);
    }

    public void Used() => _warm?.Used(services.Host.Services.Time.GetTimestamp());

    /// <summary>Tells the silo what the last input did. It costs the same however much is held.</summary>
    public void Report() => services.Moves.Warm.Update(_warm!, activation.Inner.Bytes, activation.Inner.IsAtRest,
        activation.IsRead);

    /// <summary>Lets those go on who wait until nothing runs: after it has left, if it was to leave.</summary>
    public void Settle()
    {
        if (activation.Inner.IsAtRest || activation.Inner.Life == ActivationLife.Ended)
        {
            _settled?.TrySetResult();
        }
    }

    /// <summary>Leaves, if the silo gives conversations away and this one can go now.</summary>
    public void MoveIfAsked()
    {
        if (!services.Moves.IsOn || IsMoving || !activation.Inner.CanMove ||
            !services.Moves.TryBegin(_warm!, out var silo))
        {
            return;
        }

        IsMoving = silo is not null;
        if (silo is not null)
        {
            grain.Migrate(new Dictionary<string, object>(StringComparer.Ordinal)
            {
                [IPlacementDirector.PlacementHintKey] = silo,
            });
        }

        // Calls that are under way ask again, and get to the next activation.
        activation.Input(static inner => inner.Leave());
    }

    /// <summary>The activation ends: waits for what is under way, and writes down what is to move.</summary>
    public async Task LeaveAsync(DeactivationReasonCode reason, CancellationToken cancellationToken)
    {
        activation.Input(static inner => inner.Leave());
        await activation.World.EndAsync(IsMoving ? MovingCallEndTime : services.Options.CallEndTime)
            .WaitAsync(cancellationToken);
        if (IsMoving || reason == DeactivationReasonCode.Migrating)
        {
            WriteSnapshot();
        }
    }

    /// <summary>Hands what was written down to Orleans.</summary>
    public void OnDehydrate(IDehydrationContext context)
    {
        if (_snapshot.IsEmpty && IsMoving)
        {
            // It was told to go before Orleans counted it as active; so it was not told that it is deactivated either.
            WriteSnapshot();
        }

        if (!_snapshot.IsEmpty)
        {
            context.AddBytes(SnapshotKey, _snapshot.Span);
            services.Host.Services.Instruments.Dehydrated();
        }
    }

    /// <summary>
    /// Writes down all that is held, once nothing changes it any more; not in <see cref="OnDehydrate"/>, where Orleans
    /// holds a lock that the senders of the grain's messages wait for.
    /// </summary>
    private void WriteSnapshot()
    {
        if (_warm is null || !activation.Inner.CanMove)
        {
            return;
        }

        var writer = new ArrayBufferWriter<byte>((int)Math.Min(_warm.Bytes, ConversationMoves.ConversationBytesMax));
        activation.Inner.Dehydrate(writer);
        if (writer.WrittenCount > ConversationMoves.SnapshotBytesMax(_warm.Bytes))
        {
            // What else moves in the same message must arrive.
            LogTooLarge(services.Host.Logger, activation.Inner.Key.Id, writer.WrittenCount);
            return;
        }

        _snapshot = writer.WrittenMemory;
    }

    // Unstored turns are held here alone, and a turn that runs ends with its activation.
    private async Task<bool> LeaveIfIdleAsync()
    {
        var isOver = false;
        await activation.TellAsync(inner =>
        {
            inner.LeaveIfIdle();
            isOver = inner.Life == ActivationLife.Ended;
        });
        return isOver;
    }

    private async Task InterruptAsync()
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await activation.TellAsync(inner =>
        {
            _settled = settled;
            inner.Interrupt();
        });
        await Task.WhenAny(settled.Task, grain.Deactivated);
    }

    [LoggerMessage(409, LogLevel.Warning, "Conversation {Conversation} is {Bytes} bytes where it moves, too large " +
        "for one message; its journal is read instead.")]
    private static partial void LogTooLarge(ILogger logger, ConversationId conversation, int bytes);

    [LoggerMessage(408, LogLevel.Warning, "Conversation {Conversation} arrived in a form that cannot be read; its " +
        "journal is read instead.")]
    private static partial void LogNotRehydrated(ILogger logger, Exception? e, ConversationId conversation);
}
