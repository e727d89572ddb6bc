using System.Text.Json;
using Evergrain.Conversations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// A request for a chat completion as the create that it stands for: the same bytes as a client of
/// <c>/v1/responses</c> would send. From there on nothing knows how it came.
/// </summary>
internal sealed class CompletionRequest : IDisposable
{
    private const string Input = "input";
    private const string Messages = "messages";
    private const string ChatOnly = "text.evergrain.";
    private const string CloseLimit = "text.evergrain.max_tokens";

    // What a message grows by where it becomes an item, with room to spare.
    private const int ItemBytes = 128;

    // The message of each item.
    private readonly List<int> _messageOf = [];

    private CompletionRequest(RentedBuffer create) => Create = create;

    /// <summary>The create.</summary>
    public RentedBuffer Create { get; }

    /// <summary>The create's routing fields.</summary>
    public RoutingFields Fields { get; private init; }

    /// <summary>Whether the answer is a stream.</summary>
    public bool IsStreamed { get; private init; }

    /// <summary>Whether a stream is to end with what the turn used.</summary>
    public bool WantsUsage { get; private init; }

    private string OutputLimit { get; init; } = "";

    /// <summary>Reads a body; its memory goes back to the pool, and the create's is the caller's to return.</summary>
    /// <exception cref="ConversationException">It is no request for a chat completion, or is too large.</exception>
    public static async Task<CompletionRequest> ReadAsync(RentedBuffer body, CancellationToken cancellationToken)
    {
        var request = Begin(body, out var messages);
        try
        {
            var items = new MessageItems(request.Create);
            for (var i = 0; i < messages.Count; i++)
            {
                // A message of so many bytes becomes items of about as many.
                await request.Create.MakeRoomAsync(messages[i].Bytes + ItemBytes, cancellationToken);
                request.Add(items, messages[i].Members, i);
                if (request.Create.IsOverLong)
                {
                    throw ConversationException.Of(
                        RefusalKind.TooLarge, "As items, the messages are longer than a body may be.", Messages);
                }
            }

            request.Create.Append("]}"u8);
            await request.Create.ReserveAsync(request.Create.Length, cancellationToken);
            body.Surrender();
            return request;
        }
        catch (Exception)
        {
            request.Dispose();
            throw;
        }
    }

    /// <summary>A refusal of the create in the words of the request.</summary>
    public Refusal Translate(Refusal refusal)
    {
        if (refusal.Param is not { } param || OwnName(param) is not { } own || own == param)
        {
            return refusal;
        }

        return refusal with
        {
            Param = own,
            Message = WithBound(refusal.Message, param).Replace($"'{param}'", $"'{own}'", StringComparison.Ordinal),
        };
    }

    public void Dispose() => Create.Dispose();

    private static CompletionRequest Begin(RentedBuffer body, out List<(JsonSlots Members, int Bytes)> messages)
    {
        var members = ReadMembers(body.Written, CompletionFields.All);
        try
        {
            CompletionFields.Check(members);
            messages = ReadMessages(members[Messages]);
            var (fields, wantsUsage) = (FieldsOf(members), CompletionFields.WantsUsage(members));
            var request = new CompletionRequest(body.Beside())
            {
                Fields = fields,
                IsStreamed = JsonSlots.IsTrue(members["stream"]),
                WantsUsage = wantsUsage,
                OutputLimit = CompletionFields.OutputLimit(members),
            };
            request.WriteFields(members);
            return request;
        }
        catch (InvalidOperationException e)
        {
            throw NoText(e);
        }
    }

    /// <summary>The members of a body that a table names.</summary>
    /// <exception cref="ConversationException">It is no JSON object, or has one of them twice.</exception>
    public static JsonSlots ReadMembers(ReadOnlyMemory<byte> body, string[] names)
    {
        try
        {
            var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = Limits.JsonDepthMax });
            reader.Read();
            var members = JsonSlots.Read(ref reader, body, names, "");
            reader.Read();
            return members;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // In the words that a create has for it.
            throw RoutingFields.Read(body.Span, out _) is { } refusal
                ? new ConversationException(refusal, e)
                : NoText(e);
        }
    }

    private static RoutingFields FieldsOf(in JsonSlots members) => new()
    {
        Model = JsonSlots.TextOf(members["model"]),
        IsUnstored = !JsonSlots.IsTrue(members["store"]),
    };

    private static List<(JsonSlots Members, int Bytes)> ReadMessages(ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
        {
            throw CompletionRefusals.Missing(Messages);
        }

        if (!JsonSlots.IsArray(json))
        {
            throw CompletionRefusals.Invalid("'messages' must be an array of messages.", Messages);
        }

        var messages = new List<(JsonSlots, int)>();
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (messages.Count == Limits.InputItemsMax)
            {
                throw CompletionRefusals.Invalid(
                    $"'messages' has too many messages: at most {Limits.InputItemsMax} in one request.", Messages);
            }

            var start = reader.TokenStartIndex;
            var members = JsonSlots.Read(ref reader, json, MessageItems.Members, $"messages[{messages.Count}]");
            messages.Add((members, (int)(reader.BytesConsumed - start)));
        }

        return messages.Count > 0
            ? messages
            : throw CompletionRefusals.Invalid("'messages' must have at least one message.", Messages);
    }

    private static ConversationException NoText(Exception e) => new(new Refusal(RefusalKind.InvalidRequest,
        "The request's member names and ids must be Unicode text: one holds an unpaired surrogate."), e);

    private void WriteFields(in JsonSlots members)
    {
        Create.Append(Fields.IsUnstored ? "{\"store\":false"u8 : "{\"store\":true"u8);
        try
        {
            CompletionFields.Write(Create, members);
        }
        catch (Exception)
        {
            Dispose();
            throw;
        }

        Create.Append(",\"input\":["u8);
    }

    private void Add(MessageItems items, in JsonSlots message, int number)
    {
        try
        {
            items.Write(message, $"messages[{number}]");
        }
        catch (InvalidOperationException e)
        {
            throw NoText(e);
        }

        while (_messageOf.Count < items.Count)
        {
            _messageOf.Add(number);
        }
    }

    // A larger bound is taken by every model.
    private static string WithBound(string message, string param) => param != CloseLimit ? message : message.Replace(
        $"'{param}' is", $"'{param}' below {CompletionFields.OutputTokensLeast} is", StringComparison.Ordinal);

    /// <summary>What a field of the create is called in the request; null: the request has nothing of it.</summary>
    private string? OwnName(string param)
    {
        if (param.StartsWith("input[", StringComparison.Ordinal))
        {
            var number = param.AsSpan(Input.Length + 1);
            var end = number.IndexOf(']');
            return end > 0 && int.TryParse(number[..end], out var item) && item < _messageOf.Count
                ? $"messages[{_messageOf[item]}]"
                : Messages;
        }

        return param switch
        {
            Input => Messages,
            "max_output_tokens" => OutputLimit,
            "text.verbosity" => "verbosity",
            CloseLimit => OutputLimit,
            _ when param.StartsWith(ChatOnly, StringComparison.Ordinal) => param[ChatOnly.Length..],
            _ when param.StartsWith("text", StringComparison.Ordinal) => "response_format",
            _ when param.StartsWith("reasoning", StringComparison.Ordinal) => "reasoning_effort",
            _ when param.StartsWith("include", StringComparison.Ordinal) => "logprobs",
            _ => param,
        };
    }
}
