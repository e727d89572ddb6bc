using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>The stored turns as lists have them, and the one thing of an ended turn that may change: its metadata.
/// </summary>
internal sealed class StoredTurns(ConversationState state)
{
    private const string Metadata = "metadata";

    // 16 pairs of 64 and 512 characters, each spelled as an escape of 6 bytes.
    private const int MetadataBytesMax = 64 << 10;

    // The value, and the append that holds it.
    private const int Copies = 2;

    /// <summary>The turns that ended with an answer and pass a filter.</summary>
    /// <param name="after">The turn before them, deleted or not; the default: none.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="filter">Which of them, and in which direction.</param>
    /// <exception cref="ConversationException">No stored turn is left, or <paramref name="after"/> is none.</exception>
    public FoundTurns Find(TurnId after, int limit, ResponseFilter filter)
    {
        var stored = state.Turns.Stored;
        if (!state.Turns.HasVisibleStored || (after.IsStored && state.Turns.ById(after) is null))
        {
            throw ConversationException.Of(
                RefusalKind.NotFound, $"Response with id '{state.Turns.IdOf(after)}' not found.");
        }

        var found = new List<TurnId>();
        var (step, lookedAt) = (filter.IsAscending ? 1 : -1, default(TurnId));
        var at = after.IsStored ? after.Number - 1 + step : filter.IsAscending ? 0 : stored.Count - 1;
        for (; at >= 0 && at < stored.Count && found.Count < limit; at += step)
        {
            lookedAt = stored[at].Id;
            if (IsAnswer(stored[at]) && Passes(stored[at].Parameters.Changed, filter))
            {
                found.Add(lookedAt);
            }
        }

        return new FoundTurns([.. found], lookedAt);
    }

    /// <summary>Replaces the metadata that an ended turn shows. Its events stay as they were sent.</summary>
    /// <param name="id">The turn.</param>
    /// <param name="metadata">The JSON; read only until the call returns.</param>
    /// <param name="now">The time.</param>
    /// <returns>The record that must be durable before the caller may be told.</returns>
    /// <exception cref="ConversationException">
    /// The turn is not found or runs, or the value is no metadata; or the journal's format has no place for it.
    /// </exception>
    public long Change(TurnId id, ReadOnlyMemory<byte> metadata, DateTimeOffset now)
    {
        if (state.Turns.GetShown(id, default) is not { Status: TurnStatus.Ended })
        {
            throw Invalid($"Response with id '{state.Turns.IdOf(id)}' still runs.", null);
        }

        if (state.Outbox.Format == RecordFormat.First)
        {
            throw Invalid("Metadata cannot be changed while the server writes its journal in format 1.", Metadata);
        }

        if (metadata.Length > MetadataBytesMax)
        {
            throw Invalid($"'metadata' is longer than {MetadataBytesMax} bytes.", Metadata);
        }

        state.Holding?.Enter(Copies * metadata.Length);
        List<HeldValue> values = [state.Parameters.Hold(ParameterFields.Find(Metadata)!, metadata)];
        JournalClaim.Make(state, now);
        state.Parameters.Number(values);
        return state.Outbox.Add(new ValueHeld(values[0].Number, Metadata, values[0].Json) { Turn = id.Number });
    }

    private static ConversationException Invalid(string message, string? param) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, param);

    private static bool IsAnswer(Turn turn) => turn is
    {
        IsHidden: false, Status: TurnStatus.Ended, Ending.Outcome: TurnOutcome.Completed or TurnOutcome.Incomplete,
    };

    private static bool Passes(Parameters parameters, ResponseFilter filter)
    {
        if (filter.Model is { } model && !(parameters.TryGet("model", out var json) && IsText(json, model)))
        {
            return false;
        }

        if (filter.Metadata.Count == 0)
        {
            return true;
        }

        if (!parameters.TryGet(Metadata, out var pairs))
        {
            return false;
        }

        using var document = JsonDocument.Parse(pairs);
        return filter.Metadata.All(pair =>
            document.RootElement.TryGetProperty(pair.Key, out var value) && value.ValueEquals(pair.Value));
    }

    private static bool IsText(ReadOnlyMemory<byte> json, string text)
    {
        var reader = new Utf8JsonReader(json.Span);
        return reader.Read() && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(text);
    }
}
