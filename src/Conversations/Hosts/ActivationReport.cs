using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>Tells instruments and tenant counts what an activation has done since the last time.</summary>
internal sealed class ActivationReport(string tenant, ActivationServices services)
{
    private ConversationWork _work;
    private TurnCounts _turns;

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
    }
}
