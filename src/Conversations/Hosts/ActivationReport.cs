using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Tells instruments, tenant counts and bounds what an activation has done, and what it holds, since the last time.
/// </summary>
internal sealed class ActivationReport(string tenant, ActivationServices services, TenantHolding? holding)
{
    private ConversationWork _work;
    private TurnCounts _turns;
    private long _held;

    /// <summary>Tells the difference. It costs the same however much the conversation holds.</summary>
    public void Update(Conversation conversation)
    {
        var (work, turns) = (conversation.Work, conversation.Ended);
        services.Instruments.Worked(_work, work);
        _work = work;
        if (turns != _turns)
        {
            services.Instruments.TurnsEnded(tenant, turns.Since(_turns));
            _turns = turns;
        }

        Hold(conversation.IsIdle ? 0 : conversation.Bytes);
    }

    /// <summary>The activation holds nothing any more.</summary>
    public void End() => Hold(0);

    private void Hold(long bytes)
    {
        if (bytes != _held)
        {
            holding?.Change(bytes - _held);
            _held = bytes;
        }
    }
}
