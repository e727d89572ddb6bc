using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Placement;

namespace Evergrain.Grains.Activation;

/// <content>
/// Being warm in a silo, and leaving it for another. A conversation moves when nothing runs there: then all it holds
/// can be written down, its unstored turns too. Orleans lets the calls finish that are under way, deactivates, has the
/// other silo activate, and only then passes on what was asked meanwhile. Whatever fails on the way, the next
/// activation reads the journal; what was unstored is lost then, as with a silo.
/// </content>
internal sealed partial class ConversationGrain : IGrainMigrationParticipant
{
    private const string SnapshotKey = "evergrain.conversation";

    // A call whose turn is over is cancelled and has nothing more to say; whoever is asked next must not wait for it.
    private static readonly TimeSpan MovingCallEndTime = TimeSpan.FromMilliseconds(250);

    private WarmConversation? _warm;
    private ConversationWork _reported;
    private ReadOnlyMemory<byte> _snapshot;
    private TaskCompletionSource? _settled;
    private bool _isMoving;
    private bool _isOpen;

    /// <inheritdoc/>
    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_snapshot.IsEmpty && _isMoving)
        {
            // It was told to go before Orleans counted it as active; so it was not told that it is deactivated either.
            Finish();
            WriteSnapshot();
        }

        if (!_snapshot.IsEmpty)
        {
            dehydrationContext.AddBytes(SnapshotKey, _snapshot.Span);
            services.Instruments.Dehydrated();
        }
    }

    /// <inheritdoc/>
    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        if (rehydrationContext.TryGetBytes(SnapshotKey, out var snapshot))
        {
            // Orleans takes its buffers back; the conversation keeps what it is given.
            var owned = snapshot.ToArray();
            _snapshot = services.OnArrival?.Invoke(owned) ?? owned;
        }
    }

    private bool CanBeWritten => _conversation is { IsAtRest: true, IsLost: false, IsDeleted: false };

    /// <summary>Begins with what the last activation wrote down, if it did; false: the journal is to be read.</summary>
    private bool TryRehydrate()
    {
        if (_snapshot.IsEmpty)
        {
            return false;
        }

        try
        {
            _conversation.Rehydrate(_snapshot, Now);
            services.Instruments.Rehydrated();
            return true;
        }
        catch (FormatException e)
        {
            LogNotRehydrated(services.Logger, e, _key.Id);
            _conversation = NewConversation();
            return false;
        }
        finally
        {
            _snapshot = default;
        }
    }

    /// <summary>
    /// Writes down all that is held, once nothing changes it any more; not in <see cref="OnDehydrate"/>, where Orleans
    /// holds a lock that whoever sends this grain a message waits for.
    /// </summary>
    private void WriteSnapshot()
    {
        if (_warm is null || _isFaulted || !CanBeWritten)
        {
            return;
        }

        var writer = new ArrayBufferWriter<byte>((int)Math.Min(_warm.Bytes, ConversationMoves.ConversationBytesMax));
        _conversation.Dehydrate(writer);
        _snapshot = writer.WrittenMemory;
    }

    /// <summary>The conversation is open: its silo knows of it until the activation ends.</summary>
    private void BecomeWarm()
    {
        _warm = new WarmConversation(
            () => PostAsync(static _ => { }), InterruptAsync, LeaveIfIdleAsync, GrainContext.Deactivated);
        Used();
        services.Warm.Add(_warm);
        Report();
    }

    private void Used() => _warm?.Used(services.Time.GetTimestamp());

    /// <summary>Tells instruments and silo what the last input did. It costs the same however much is held.</summary>
    private void Report()
    {
        if (_warm is null)
        {
            return;
        }

        var work = _conversation.Work;
        services.Instruments.Worked(_reported, work);
        _reported = work;
        services.Warm.Update(_warm, _conversation.Bytes, _conversation.IsAtRest, _reading.Count > 0);
    }

    // After it has left if it was to: whoever waits for its rest then waits for its arrival.
    private void Settle()
    {
        if (_conversation.IsAtRest || _conversation.IsLost)
        {
            _settled?.TrySetResult();
        }
    }

    /// <summary>Leaves, if the silo gives conversations away and this one can go now.</summary>
    private void MoveIfAsked()
    {
        if (!services.Moves.IsOn || _warm is null || !_isOpen || _isOver || _isMoving || _starting > 0 ||
            !CanBeWritten || !services.Moves.TryBegin(_warm, out var silo))
        {
            return;
        }

        // Calls that are under way ask again, and get to the next activation.
        if (silo is null)
        {
            End();
            return;
        }

        _isMoving = true;
        GrainContext.Migrate(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            [IPlacementDirector.PlacementHintKey] = silo,
        });
    }

    // Unstored turns are held here alone, and a turn that runs ends with its activation.
    private Task LeaveIfIdleAsync() => PostAsync(conversation =>
    {
        if (conversation.IsIdle && !_isMoving && _starting == 0)
        {
            End();
        }
    });

    private async Task InterruptAsync()
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await PostAsync(conversation =>
        {
            _settled = settled;
            conversation.InterruptAll(Now);
        });
        await Task.WhenAny(settled.Task, GrainContext.Deactivated);
    }

    [LoggerMessage(408, LogLevel.Warning, "Conversation {Conversation} arrived in a form that cannot be read; its " +
        "journal is read instead.")]
    private static partial void LogNotRehydrated(ILogger logger, Exception e, ConversationId conversation);
}
