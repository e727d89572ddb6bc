using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// The ends of turns that this process has delivered, by the key of their context. It is in memory: a process that
/// stops loses it, and histories that it would have found begin new conversations.
/// </summary>
/// <remarks>
/// What it says is a hint. The conversation compares digests before a turn is continued:
/// <see cref="Turns.Conversation.MayContinue"/>.
/// </remarks>
public sealed class RecognitionIndex
{
    private readonly ConcurrentDictionary<string, KnownTurns> _tenants = new(StringComparer.Ordinal);
    private readonly RecognitionOptions _options;
    private readonly Counter<long> _received;
    private readonly UpDownCounter<long> _indexed;

    /// <summary>An empty index.</summary>
    /// <param name="options">Its bound.</param>
    /// <param name="meters">Makes the meter <c>Evergrain</c> of its instruments.</param>
    /// <param name="time">The clock by which a look-up waits for a conversation.</param>
    public RecognitionIndex(RecognitionOptions options, IMeterFactory meters, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_options, Time) = (options, time);
        var meter = meters.Create("Evergrain");
        _received = meter.CreateCounter<long>("evergrain.histories.received", "{history}",
            "Histories that creates brought along: recognised, forked from a turn continued before, or unknown.");
        _indexed = meter.CreateUpDownCounter<long>("evergrain.histories.indexed", "{history}",
            "Histories that would be recognised now.");
    }

    /// <summary>The clock by which a look-up waits for a conversation.</summary>
    internal TimeProvider Time { get; }

    /// <summary>Adds the end of a turn.</summary>
    internal void Add(string tenant, Digest key, ResponseId response)
    {
        var known = _tenants.GetOrAdd(tenant, _ => new KnownTurns(_options.RecognitionEntriesMax));
        _indexed.Add(known.Add(key, response));
    }

    /// <summary>The newest turn of a tenant with a key; null if there is none.</summary>
    internal KnownTurn? Find(string tenant, Digest key) => _tenants.GetValueOrDefault(tenant)?.Find(key);

    /// <summary>Forgets a turn that is deleted.</summary>
    internal void Remove(TurnAddress turn)
    {
        if (_tenants.GetValueOrDefault(turn.Tenant)?.Remove(turn.Response) == true)
        {
            _indexed.Add(-1);
        }
    }

    /// <summary>Counts a history.</summary>
    /// <param name="outcome"><c>recognised</c>, <c>forked</c> or <c>unknown</c>.</param>
    internal void Count(string outcome) => _received.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}
