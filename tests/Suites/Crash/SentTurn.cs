using System.Text.Json;
using System.Text.Json.Serialization;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Crash;

/// <summary>One create as a client sent it, and what the client saw of it. Its client alone writes it.</summary>
internal sealed class SentTurn
{
    public static readonly JsonElement Tools = JsonSerializer.SerializeToElement(new object[]
    {
        new { type = "function", name = "lookup", parameters = new { type = "object" }, strict = false },
        new { type = "custom", name = "run" },
    });

    private static readonly JsonSerializerOptions Sent = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<string> _frames = [];
    private int _next;

    /// <summary>Names the create in the response's metadata, whatever id the server gives it.</summary>
    public required string Nonce { get; init; }

    public required int Client { get; init; }

    public required SentConversation Conversation { get; init; }

    public required SentTurn? Parent { get; init; }

    public required IReadOnlyList<JsonElement> Input { get; init; }

    /// <summary>From the first event seen; else found out after the restart.</summary>
    public string? Id { get; set; }

    /// <summary>The items of the <c>output_item.done</c> events that were seen.</summary>
    public List<JsonElement> Done { get; } = [];

    /// <summary>Whether its terminal event was seen.</summary>
    public bool IsAcknowledged { get; set; }

    /// <summary>Whether its connection broke before that.</summary>
    public bool IsAmbiguous { get; set; }

    /// <summary>How it ended: as its terminal event said, else as the first GET after the restart did.</summary>
    public ResponseView? Response { get; set; }

    /// <summary>The create: always the same bytes. With a key it may be sent more than once.</summary>
    public byte[] Create(bool isKeyed = false) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        type = "response.create",
        model = "demo",
        previous_response_id = Parent?.Id,
        input = Input,
        tools = Tools,
        metadata = new { nonce = Nonce },
        idempotency_key = isKeyed ? Nonce : null,
    }, Sent);

    /// <summary>It is about to be sent again: its events come from the beginning.</summary>
    public void Again() => _next = 0;

    /// <summary>Takes in an event of the response.</summary>
    public void See(JsonElement frame)
    {
        Assert.Equal(_next, frame.GetProperty("sequence_number").GetInt32());
        var text = frame.GetRawText();
        var known = _next < _frames.Count ? _frames[_next] : text;
        if (_next++ < _frames.Count && known == text)
        {
            return;
        }

        // What was cut is not replayed: its end comes in place of its events.
        Assert.True(known == text || frame.TypeOf() == "response.failed", $"{Nonce}: {text} was {known}");
        _frames.Add(text);
        switch (frame.TypeOf())
        {
            case "response.created":
                Name(frame.IdOf());
                Assert.Equal(Nonce, ResponseView.NonceOf(frame.GetProperty("response")));
                break;
            case "response.output_item.done":
                Done.Add(frame.GetProperty("item"));
                break;
            case "response.completed" or "response.failed" or "response.incomplete":
                var response = new ResponseView(frame.GetProperty("response").GetRawText());
                Assert.True(response.IsCut || response.Output.Count == Done.Count, text);
                Acknowledge(response);
                break;
        }
    }

    /// <summary>The client has its response.</summary>
    public void Acknowledge(ResponseView response)
    {
        Name(response.Id);
        Assert.Equal(Nonce, response.Nonce);
        CheckSeen(response);
        (Response, IsAcknowledged) = (response, true);
    }

    /// <summary>
    /// What was seen of a response is in it: the whole output; of one that was cut, calls and what came before them.
    /// </summary>
    public void CheckSeen(ResponseView response)
    {
        var durable = response.IsCut ? Done.FindLastIndex(ResponseView.IsCall) + 1 : Done.Count;
        Assert.Equal(Done.Take(durable).Select(item => item.GetRawText()),
            response.Output.Take(durable).Select(item => item.GetRawText()));
    }

    /// <summary>What the model saw: the branch's items before this turn's output.</summary>
    public IEnumerable<JsonElement> Context() =>
        Parent is null ? Input : [.. Parent.Context(), .. Parent.Response!.Output, .. Input];

    private void Name(string id)
    {
        Assert.Equal(Id ?? id, id);
        Id = id;
    }
}

/// <summary>The creates that clients sent for one conversation, in the order each client sent its own.</summary>
internal sealed class SentConversation
{
    private readonly Lock _lock = new();
    private readonly List<SentTurn> _turns = [];

    /// <summary>The middle of its ids; null as long as no client saw one.</summary>
    public string? Code => Turns.Select(turn => turn.Id?.Split('_')[1]).FirstOrDefault(code => code is not null);

    public IReadOnlyList<SentTurn> Turns
    {
        get
        {
            lock (_lock)
            {
                return [.. _turns];
            }
        }
    }

    /// <summary>Turns that audits added behind those.</summary>
    public int Probes { get; set; }

    public void Add(SentTurn turn)
    {
        lock (_lock)
        {
            _turns.Add(turn);
        }
    }
}
