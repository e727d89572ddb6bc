using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// A host of conversations that contracts can passivate, restart and kill, and whose journal they can break. The store
/// outlives all of that. A host runs on the manual clock and on the one gated model.
/// </summary>
public abstract class ContractHost : ConversationsHost
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    /// <summary>The model behind it.</summary>
    public abstract GatedModel Model { get; }

    /// <summary>Its clock.</summary>
    public abstract ManualTime Time { get; }

    /// <summary>The journal as the host has it now: tests let its appends fail and wait.</summary>
    public abstract FaultyJournal Faults { get; }

    /// <summary>The journal behind that one, which never fails.</summary>
    public abstract IJournal Store { get; }

    /// <summary>The turns that histories may continue; null: they are not recognised.</summary>
    public abstract RecognitionIndex? Known { get; }

    /// <summary>The conversations that are warm in it.</summary>
    public abstract WarmCalls Warm { get; }

    /// <summary>The errors that the host logs.</summary>
    public abstract ErrorLog Log { get; }

    /// <summary>What the host has counted since it was started for this test.</summary>
    public HostCounts Counts { get; } = new();

    /// <summary>Lets time pass on the host's clock: each timer fires close to when it is due.</summary>
    public void Advance(TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= Tick)
        {
            Time.Advance(left < Tick ? left : Tick);
        }
    }

    /// <summary>Moves the host's clock at once, as it looks to a process that stood still meanwhile.</summary>
    public void StandStill(TimeSpan time) => Time.Advance(time);

    /// <summary>Passivates whatever may be, and ends when that is done.</summary>
    public abstract Task PassivateAsync();

    /// <summary>Tells the host that its journal was away and is back.</summary>
    public abstract void ReturnJournal();

    /// <summary>Stops the host as SIGTERM does and starts it again.</summary>
    public abstract Task RestartAsync();

    /// <summary>Kills the host: nothing it does from now on reaches the journal. Starts another.</summary>
    public abstract Task KillAsync();

    /// <summary>What the journal holds of a conversation.</summary>
    public async Task<IReadOnlyList<JournalEntry>> ReadJournalAsync(ConversationKey key) =>
        await Store.ReadAsync(key, JournalEnd.None, CancellationToken.None).ToListAsync();

    /// <summary>Writes an append of nonsense behind a conversation's last one.</summary>
    public async Task CorruptAsync(ConversationKey key) => await Store.AppendAsync(
        key, JournalEnd.Behind((await ReadJournalAsync(key))[^1]), 1, "no records at all"u8.ToArray(),
        CancellationToken.None);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Counts.Dispose();
        Log.Check();
    }
}
