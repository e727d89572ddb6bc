using System.Diagnostics.Metrics;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Counts what conversations did, in the meter <c>Evergrain</c>, and passes on the turns of tenants.
/// </summary>
public sealed class ConversationInstruments
{
    private readonly Counter<long> _validated;
    private readonly Counter<long> _rendered;
    private readonly Counter<long> _counted;
    private readonly Counter<long> _recovered;
    private readonly Counter<long> _journaledBytes;
    private readonly Counter<long> _activated;
    private readonly Counter<long> _passivated;
    private readonly Counter<long> _refreshed;
    private readonly Counter<long> _claimed;
    private readonly Counter<long> _lost;
    private readonly Counter<long> _shortened;
    private readonly Counter<long> _damaged;
    private readonly Counter<long> _checkedBytes;
    private readonly Counter<long> _dehydrated;
    private readonly Counter<long> _rehydrated;
    private readonly Histogram<double> _appends;
    private readonly InferenceInstruments _inference;
    private readonly UpDownCounter<long> _warm;
    private readonly UpDownCounter<long> _warmBytes;

    private readonly TenantUsage? _usage;

    /// <summary>What is in memory of this process.</summary>
    public ConversationRoster Roster { get; } = new();

    /// <summary>Creates the instruments in a factory's meter, so that each server of a process has its own.</summary>
    /// <param name="meters">Makes the meter.</param>
    /// <param name="usage">Receives the turns of tenants; null: nobody asks for them.</param>
    /// <param name="holding">Receives what conversations hold, and bounds it; null: nobody does.</param>
    /// <param name="content">Notes content on spans; null: nobody wants any.</param>
    public ConversationInstruments(IMeterFactory meters, TenantUsage? usage = null, ProcessHolding? holding = null,
        SpanContent? content = null)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_usage, Holding, Content) = (usage, holding, content);
        var meter = meters.Create("Evergrain");
        _validated = meter.CreateCounter<long>("evergrain.items.validated", "{item}", "Items validated.");
        _rendered = meter.CreateCounter<long>("evergrain.items.rendered", "{item}", "Items rendered for a model.");
        _counted = meter.CreateCounter<long>("evergrain.items.counted", "{item}", "Items whose tokens were counted.");
        _recovered = meter.CreateCounter<long>("evergrain.items.recovered", "{item}", "Items read from the journal.");
        _journaledBytes = meter.CreateCounter<long>("evergrain.bytes.journaled", null, "Frames given to the journal.");
        _activated = meter.CreateCounter<long>("evergrain.conversations.activated", "{conversation}", "Activations.");
        _passivated = meter.CreateCounter<long>("evergrain.conversations.passivated", "{conversation}",
            "Activations that ended.");
        _refreshed = meter.CreateCounter<long>("evergrain.conversations.refreshed", "{conversation}",
            "Warm conversations that took in what another server wrote.");
        _claimed = meter.CreateCounter<long>("evergrain.conversations.claimed", "{conversation}",
            "Conversations taken over from the activation that wrote last.");
        _lost = meter.CreateCounter<long>("evergrain.conversations.lost", "{conversation}",
            "Activations that ended because an append was refused or failed.");
        _shortened = meter.CreateCounter<long>("evergrain.conversations.shortened", "{conversation}",
            "Journals that no longer held what an activation had stored or read.");
        _damaged = meter.CreateCounter<long>("evergrain.conversations.damaged", "{conversation}",
            "Times that a conversation was found damaged, when it was opened or by the check of the journal.");
        _checkedBytes = meter.CreateCounter<long>("evergrain.bytes.checked", null,
            "Bytes that the check of the journal read.");
        _dehydrated = meter.CreateCounter<long>("evergrain.conversations.dehydrated", "{conversation}",
            "Warm conversations that left for another silo with all they hold.");
        _rehydrated = meter.CreateCounter<long>("evergrain.conversations.rehydrated", "{conversation}",
            "Activations that arrived warm from another silo; nothing was read from the journal.");
        _appends = meter.CreateHistogram<double>("evergrain.appends.ended", "s",
            "Appends to the journal, from the request to their durability.");
        _inference = new InferenceInstruments(meter);
        _warm = meter.CreateUpDownCounter<long>("evergrain.conversations.warm", "{conversation}", "Warm now.");
        _warmBytes = meter.CreateUpDownCounter<long>("evergrain.bytes.warm", null, "Bytes of warm conversations.");
        BeginAtZero();
    }

    /// <summary>What the conversations of the process hold; null: nobody counts.</summary>
    public ProcessHolding? Holding { get; }

    /// <summary>Notes content on the spans of model calls; null: nobody wants any.</summary>
    internal SpanContent? Content { get; }

    /// <summary>An activation is open.</summary>
    public void Activated()
    {
        _activated.Add(1);
        _warm.Add(1);
    }

    /// <summary>An open activation has ended.</summary>
    public void Passivated()
    {
        _passivated.Add(1);
        _warm.Add(-1);
    }

    /// <summary>An activation took in what another server wrote.</summary>
    public void Refreshed() => _refreshed.Add(1);

    /// <summary>An activation ended because an append was refused or failed.</summary>
    public void Lost() => _lost.Add(1);

    /// <summary>A journal no longer holds what an activation had stored or read.</summary>
    public void Shortened() => _shortened.Add(1);

    /// <summary>A conversation, or a part of the journal, was found damaged.</summary>
    public void Damaged() => _damaged.Add(1);

    /// <summary>The check of the journal read some bytes.</summary>
    public void Checked(long bytes) => _checkedBytes.Add(bytes);

    /// <summary>Turns of a tenant have ended.</summary>
    public void TurnsEnded(string tenant, in TurnCounts turns) => _usage?.Add(tenant, turns);

    /// <summary>An activation was written down, to be moved.</summary>
    public void Dehydrated() => _dehydrated.Add(1);

    /// <summary>An activation began with what another one wrote down.</summary>
    public void Rehydrated() => _rehydrated.Add(1);

    /// <summary>A model call has ended.</summary>
    internal void InferenceEnded(in InferenceReport report) => _inference.Ended(report);

    /// <summary>An append is durable; whether a turn waited for it is in <see cref="Timing.TurnTiming"/>.</summary>
    public void AppendEnded(TimeSpan elapsed) => _appends.Record(elapsed.TotalSeconds);

    /// <summary>Warm conversations hold more bytes, or fewer.</summary>
    public void WarmBytesChanged(long difference) => _warmBytes.Add(difference);

    /// <summary>Adds what an activation has done between two looks at it.</summary>
    public void Worked(in ConversationWork before, in ConversationWork now)
    {
        Add(_validated, now.Validated - before.Validated);
        Add(_rendered, now.Rendered - before.Rendered);
        Add(_counted, now.Counted - before.Counted);
        Add(_recovered, now.Recovered - before.Recovered);
        Add(_claimed, now.Claims - before.Claims);
        Add(_journaledBytes, now.JournaledBytes - before.JournaledBytes);
    }

    // A rate has an answer, and an alert sees the first of a kind, only where the counter was there before.
    private void BeginAtZero()
    {
        Counter<long>[] all = [_validated, _rendered, _counted, _recovered, _journaledBytes, _activated, _passivated,
            _refreshed, _claimed, _lost, _shortened, _damaged, _checkedBytes, _dehydrated, _rehydrated];
        foreach (var counter in all)
        {
            counter.Add(0);
        }
    }

    private static void Add(Counter<long> counter, long difference)
    {
        if (difference > 0)
        {
            counter.Add(difference);
        }
    }
}
