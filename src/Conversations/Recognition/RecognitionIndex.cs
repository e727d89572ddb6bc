using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// The ends of turns by the key of their context: those that this process ran or delivered, in memory, and before them
/// those of the <see cref="LastingIndex"/>, which all processes share. Unstored turns are in memory alone.
/// </summary>
/// <remarks>
/// What it says is a hint. The conversation compares digests before a turn is continued:
/// <see cref="Turns.HistoryPlaces.Match"/>.
/// </remarks>
public sealed partial class RecognitionIndex
{
    private readonly ConcurrentDictionary<string, KnownTurns> _tenants = new(StringComparer.Ordinal);
    private readonly RecognitionOptions _options;
    private readonly LastingIndex _lasting;
    private readonly ILogger _logger;
    private readonly LogPause _pause;
    private readonly Counter<long> _received;
    private readonly UpDownCounter<long> _indexed;

    /// <summary>An index without turns in memory.</summary>
    /// <param name="options">Its bound.</param>
    /// <param name="lasting">What outlives the process.</param>
    /// <param name="meters">Makes the meter <c>Evergrain</c> of its instruments.</param>
    /// <param name="time">The clock by which a look-up waits for a conversation.</param>
    /// <param name="logger">Is told of look-ups that failed.</param>
    public RecognitionIndex(RecognitionOptions options, LastingIndex lasting, IMeterFactory meters, TimeProvider time,
        ILogger<RecognitionIndex> logger)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_options, _lasting, _logger, Time) = (options, lasting, logger, time);
        _pause = new LogPause(time);
        var meter = meters.Create("Evergrain");
        _received = meter.CreateCounter<long>("evergrain.histories.received", "{history}",
            "Histories that creates brought along: recognised, forked from a turn continued before, or unknown.");
        _indexed = meter.CreateUpDownCounter<long>("evergrain.histories.indexed", "{history}",
            "Histories that would be recognised now by what is in memory.");
    }

    /// <summary>The clock by which a look-up waits for a conversation.</summary>
    internal TimeProvider Time { get; }

    /// <summary>Inputs that were read before, by their bytes.</summary>
    internal KnownInputs Inputs { get; } = new(new ByteMarks(new RandomIdSource()));

    /// <summary>
    /// Whether this process looks histories up. One that only runs turns keeps unstored ones in memory, for others.
    /// </summary>
    internal bool IsAsked { get; set; }

    /// <summary>Whether creates of a tenant are looked up: unstored ones, or stored ones.</summary>
    internal bool IsOnFor(string tenant, bool isStored) => isStored ? IsOnFor(tenant) : IsAllFor(tenant);

    /// <summary>Whether histories of a tenant are recognised.</summary>
    public bool IsOnFor(string tenant) => _options.IsOnFor(tenant);

    /// <summary>Whether those of its unstored creates are, too.</summary>
    public bool IsAllFor(string tenant) => _options.IsAllFor(tenant);

    /// <summary>How long a tenant's unstored turns may be continued after their last use; 0: they may not.</summary>
    public TimeSpan GraceOf(string tenant) => _options.GraceOf(tenant);

    /// <summary>Notes a turn that has ended here, or an unstored one that has come here.</summary>
    public void Ended(HistoryEntry entry)
    {
        if (IsAsked || !entry.Response.Turn.IsStored)
        {
            Add(entry);
        }

        if (entry.Response.Turn.IsStored)
        {
            _lasting.Add(entry);
        }
    }

    /// <summary>Adds the end of a turn to what is in memory.</summary>
    internal void Add(in HistoryEntry entry)
    {
        var known = _tenants.GetOrAdd(entry.Tenant, _ => new KnownTurns(_options.RecognitionEntriesMax));
        _indexed.Add(known.Add(entry.Mark, entry.Response));
    }

    /// <summary>The turn in memory with a key, that with a hint before others; null: there is none.</summary>
    internal KnownTurn? Find(string tenant, Digest key, ulong hint) =>
        _tenants.GetValueOrDefault(tenant)?.Find(key, hint);

    /// <summary>
    /// The turns in memory with some keys, for a process that does not know them: at most one for each key.
    /// </summary>
    public IReadOnlyList<HistoryEntry> FindFor(string tenant, IEnumerable<Digest> keys, ulong hint) =>
    [
        .. keys.Select(key => Find(tenant, key, hint)).OfType<KnownTurn>()
            .Select(turn => new HistoryEntry(tenant, turn.Response, turn.Mark)),
    ];

    /// <summary>The turn of a response as it is in memory, or as one that was not continued here.</summary>
    internal KnownTurn Of(TurnAddress turn, HistoryMark mark) =>
        _tenants.GetValueOrDefault(turn.Tenant)?.Find(turn.Response) ??
        new KnownTurn(mark, turn.Response, isBare: false);

    /// <summary>The turn in the lasting index with the first of some keys; null: there is none.</summary>
    internal async ValueTask<KnownTurn?> FindLastingAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) =>
        await _lasting.FindAsync(tenant, keys, hint, cancellationToken) is { } entry
            ? new KnownTurn(entry.Mark, entry.Response, isBare: false)
            : null;

    /// <summary>Forgets a turn that is deleted.</summary>
    internal void Remove(TurnAddress turn)
    {
        _indexed.Add(-(_tenants.GetValueOrDefault(turn.Tenant)?.Remove(turn.Response) ?? 0));
    }

    /// <summary>Counts a history.</summary>
    /// <param name="outcome"><c>recognised</c>, <c>forked</c> or <c>unknown</c>.</param>
    internal void Count(string outcome) => _received.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>A conversation could not be asked whether a history may continue it.</summary>
    internal void NotAsked(ConversationId conversation, Exception failure)
    {
        if (failure is TimeoutException)
        {
            LogSlow(_logger, conversation);
        }
        else if (_pause.IsOver())
        {
            LogNotAsked(_logger, failure, conversation);
        }
    }

    [LoggerMessage(140, LogLevel.Debug, "Conversation {Conversation} did not open in time for a history that was " +
        "sent again: a new conversation begins.")]
    private static partial void LogSlow(ILogger logger, ConversationId conversation);

    [LoggerMessage(141, LogLevel.Warning, "Conversation {Conversation} could not be asked about a history that was " +
        "sent again: a new conversation begins.")]
    private static partial void LogNotAsked(ILogger logger, Exception e, ConversationId conversation);
}
