using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Turns;

/// <summary>The routing fields of a create.</summary>
internal readonly record struct CreateSkim
{
    /// <summary>The parent; null begins a conversation.</summary>
    public ResponseId? Parent { get; private init; }

    /// <summary>Whether the turn is to be stored; the wire's default is true.</summary>
    public bool Store { get; private init; }

    /// <summary>The model as it came; null if it is missing or no string, which the conversation refuses.</summary>
    public string? Model { get; private init; }

    /// <summary>Its idempotency key; null if it has none.</summary>
    public string? Key { get; init; }

    /// <summary>Whether events are asked for; means nothing on a socket, where there is nothing else.</summary>
    public bool IsStreamed { get; private init; }

    /// <summary>Whether the turn may run without a reader; means nothing on a socket.</summary>
    public bool IsBackground { get; private init; }

    /// <summary>Reads the body of an HTTP create.</summary>
    /// <returns>Why it is refused; null if it is not.</returns>
    public static Refusal? ReadBody(ReadOnlySpan<byte> body, out CreateSkim skim)
    {
        skim = default;
        return RoutingFields.Read(body, out var fields) ?? JudgeBody(fields) ?? Judge(fields, out skim);
    }

    /// <summary>Makes a create's routing fields of what was read.</summary>
    /// <returns>Why it is refused; null if it is not.</returns>
    public static Refusal? Judge(RoutingFields fields, out CreateSkim skim)
    {
        skim = default;
        if (fields.Key is { } key && IdempotencyKey.Check(key) is { } refusal)
        {
            return refusal;
        }

        ResponseId? parent = null;
        if (fields.Parent is { } text)
        {
            if (!ResponseId.TryParse(text, out var id))
            {
                return new Refusal(RefusalKind.PreviousResponseNotFound,
                    $"Previous response with id '{RoutingFields.Shorten(text)}' not found.", "previous_response_id");
            }

            parent = id;
        }

        skim = new CreateSkim
        {
            Parent = parent,
            Store = !fields.IsUnstored,
            Model = fields.Model,
            Key = fields.Key,
            IsStreamed = fields.Stream == JsonTokenType.True,
            IsBackground = fields.Background == JsonTokenType.True,
        };
        return null;
    }

    private static Refusal? JudgeBody(RoutingFields fields)
    {
        if (!IsFlag(fields.Stream))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'stream' must be true or false.", "stream");
        }

        if (!IsFlag(fields.Background))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'background' must be true or false.", "background");
        }

        return fields is { Background: JsonTokenType.True, IsUnstored: true }
            ? new Refusal(RefusalKind.InvalidRequest,
                "A background response must be stored, or nobody could read it: leave 'store' out.", "background")
            : null;
    }

    private static bool IsFlag(JsonTokenType token) =>
        token is JsonTokenType.None or JsonTokenType.Null or JsonTokenType.True or JsonTokenType.False;
}
