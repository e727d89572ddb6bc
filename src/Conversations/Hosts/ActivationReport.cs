using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Tells instruments, tenant counts, bounds and the roster what an activation has done, and what it holds, since the
/// last time.
/// </summary>
internal sealed class ActivationReport(ConversationKey key, ActivationServices services, TenantHolding? holding)
{
    private ConversationWork _work;
    private TurnCounts _turns;
    private long _held;
    private (int Stored, int Unstored, int Running) _population;
    private HeldPlace? _place;
    private bool _isOver;

    /// <summary>Tells the difference. It costs the same however much the conversation holds.</summary>
    public void Update(Conversation conversation)
    {
        var (work, turns) = (conversation.Work, conversation.Ended);
        services.Instruments.Worked(_work, work);
        _work = work;
        if (turns != _turns)
        {
            services.Instruments.TurnsEnded(key.Tenant, turns.Since(_turns));
            _turns = turns;
        }

        Hold(conversation.IsIdle ? 0 : conversation.Bytes);
        if (!_isOver && conversation.Population != _population)
        {
            _population = conversation.Population;
            Show(conversation);
        }
    }

    /// <summary>The activation holds nothing any more.</summary>
    public void End()
    {
        _isOver = true;
        Hold(0);
        Leave();
    }

    private void Show(Conversation conversation)
    {
        var shape = conversation.Describe(key, _place?.Shape, services.Time.GetUtcNow());
        if (shape is not null && _place is { } place && place.IsStored == shape.IsStored)
        {
            place.Shape = shape;
            return;
        }

        Leave();
        if (shape is not null)
        {
            services.Instruments.Roster.Add(_place = new HeldPlace(shape));
        }
    }

    private void Leave()
    {
        if (_place is { } place)
        {
            services.Instruments.Roster.Remove(place);
            _place = null;
        }
    }

    private void Hold(long bytes)
    {
        if (bytes != _held)
        {
            holding?.Change(bytes - _held);
            _held = bytes;
        }
    }
}
