using Evergrain.Conversations.Context;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>What an activation holds of its conversation. The types beside it read and change it.</summary>
internal sealed class ConversationState(ConversationKey key, ulong activation, Func<int> format)
{
    /// <summary>Whose conversation it is.</summary>
    public string Tenant { get; } = key.Tenant;

    /// <summary>Every turn, in whatever state.</summary>
    public TurnTree Turns { get; } = new(key.Id);

    /// <summary>Unstored turns that only a history may continue.</summary>
    public KeptTurns Kept { get; } = new();

    /// <summary>The values of creates' parameters.</summary>
    public ParameterStore Parameters { get; } = new();

    /// <summary>The connections that hold unstored turns.</summary>
    public LeaseTable Leases { get; } = new();

    /// <summary>Whose records are read and written.</summary>
    public RecordOwner Owner { get; } = new(key);

    /// <summary>Records on their way to the journal, and where the journal ends.</summary>
    public JournalOutbox Outbox { get; } = new(activation, new RecordOwner(key), format);

    /// <summary>The renderings that its turns used last.</summary>
    public RecentRenderings Renderings { get; } = new();

    /// <summary>What was done so far, and how much is held.</summary>
    public ConversationCounts Counts { get; } = new();

    /// <summary>What its tenant holds in this process; null: nobody counts.</summary>
    public TenantHolding? Holding { get; set; }

    /// <summary>Whether host and readers are told by what the end of a turn is found.</summary>
    public bool Recognises { get; set; }

    /// <summary>The branches of all turns that may be continued.</summary>
    public IEnumerable<Branch> Branches => Turns.Branches.Concat(
        Kept.All.SelectMany(static turn => new[] { turn.Input, turn.End }));

    /// <summary>An unstored turn's id goes. A history may continue the turn for a while.</summary>
    public void Leave(Turn turn, DateTimeOffset now)
    {
        if (!turn.IsHidden)
        {
            Turns.Evict(turn);
            Kept.Add(turn, now);
        }
    }
}
