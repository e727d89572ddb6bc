using System.Text.Json;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>One create as a client sent it, and what the client saw of it. Its client alone writes it.</summary>
internal sealed class SentTurn
{
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

    /// <summary>What the model saw: the branch's items before this turn's output.</summary>
    public IEnumerable<JsonElement> Context() =>
        Parent is null ? Input : [.. Parent.Context(), .. Parent.Response!.Output, .. Input];
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

    public void Add(SentTurn turn)
    {
        lock (_lock)
        {
            _turns.Add(turn);
        }
    }
}
