using Evergrain.Conversations.Turns;

namespace Evergrain.Grains.Activation;

/// <content>What the tenant is told that it used.</content>
internal sealed partial class ConversationGrain
{
    private TurnCounts _counted;

    private void CountTurns()
    {
        var now = _conversation.Ended;
        if (now != _counted)
        {
            services.Usage.Add(_key.Tenant, now.Since(_counted));
            _counted = now;
        }
    }
}
