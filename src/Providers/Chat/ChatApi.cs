using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// OpenAI's chat completions, streamed, as vLLM, SGLang, llama.cpp, Ollama and others serve them.
/// </summary>
/// <remarks>
/// Tokens are estimated as a quarter of an item's bytes, rounded up: a server says only how many a whole call had.
/// Source: OpenAI's chat-completions reference, and those servers' own documents where they differ.
/// </remarks>
/// <param name="server">The server's name.</param>
/// <param name="dialect">What the server takes.</param>
/// <param name="instruments">Where it says what calls go without.</param>
internal sealed class ChatApi(string server, Dialect dialect, ChatInstruments instruments) : IModelApi
{
    private readonly RequestWriter _requests = new(dialect);

    /// <inheritdoc/>
    public string Rendering { get; } = $"chat:{server}:{dialect.Mark}";

    /// <inheritdoc/>
    public string Origin { get; } = $"chat:{server}";

    /// <inheritdoc/>
    public IStateCodec States { get; } = new ChatStates();

    /// <inheritdoc/>
    public string Path => "chat/completions";

    /// <inheritdoc/>
    public string? Refuse(string field, ReadOnlyMemory<byte> json) => field switch
    {
        "context_management" or "moderation" => field,
        "include" when dialect.LogprobsMax == 0 && RequestWriter.AsksForLogprobs(json) => field,
        "top_logprobs" when RequestWriter.NumberOf(json) > dialect.LogprobsMax => field,
        "text" when !dialect.JsonSchema && AnswerFormat.IsSchema(json) => "text.format",
        _ => ChatMembers.Refuse(field, json, dialect),
    };

    /// <inheritdoc/>
    public Rendered Render(Item item, object? state)
    {
        var output = new BodyWriter(item.Json.Length + 128);
        var renderer = new ItemRenderer(state as ChatState ?? ChatState.Start, dialect, Origin, output);
        renderer.Render(item);
        var bytes = output.IsEmpty ? default(ReadOnlyMemory<byte>) : output.ToArray();
        return new Rendered(bytes, Estimate.Tokens(item.Json.Length), renderer.State);
    }

    /// <inheritdoc/>
    public RequestBody Write(ModelCall call)
    {
        var state = StateOf(call);
        var tools = _requests.ToolsOf(call, state);
        var body = _requests.Write(call, state, tools, Origin);
        instruments.Omitted(tools.Omitted, state.Omitted);
        return body;
    }

    /// <inheritdoc/>
    public IEventDecoder Decode(ModelCall call)
    {
        var state = StateOf(call);
        var ids = new CallIds(call.Affinity, call.Context.ItemCount, state.CountedCallIds);
        var tools = _requests.ToolsOf(call, state);
        if (!state.AsksForSummary && call.Parameters.TryGet("tool_choice", out var choice))
        {
            tools.Choose(choice);
        }

        return new ChatDecoder(new AnswerItems(tools, ids, state.AsksForSummary));
    }

    private static ChatState StateOf(ModelCall call) => call.Context.State as ChatState ?? ChatState.Start;
}
