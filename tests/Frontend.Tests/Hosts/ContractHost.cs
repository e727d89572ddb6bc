using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>
/// A host of conversations that the contract can passivate, restart and kill. Its journal outlives all of that. A host
/// runs on the manual clock and on the one gated model.
/// </summary>
public abstract class ContractHost : ConversationsHost
{
    /// <summary>The model behind it.</summary>
    public abstract GatedModel Model { get; }

    /// <summary>Moves the host's clock.</summary>
    public abstract void Advance(TimeSpan time);

    /// <summary>Passivates whatever may be, and ends when that is done.</summary>
    public abstract Task PassivateAsync();

    /// <summary>Stops the host as SIGTERM does and starts it again.</summary>
    public abstract Task RestartAsync();

    /// <summary>Kills the host: nothing it does from now on reaches the journal. Starts another.</summary>
    public abstract Task KillAsync();

    /// <summary>What the journal holds of a conversation.</summary>
    public abstract Task<IReadOnlyList<JournalEntry>> ReadJournalAsync(ConversationKey key);
}
