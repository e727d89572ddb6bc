using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Evergrain.Providers.Tests.Chat;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>
/// <c>chat.completion.chunk</c> objects. Source: OpenAI's chat-completions reference; <c>reasoning_content</c> is
/// DeepSeek's, vLLM's and SGLang's.
/// </summary>
internal sealed class ChatDialect : Dialect
{
    public override IModelApi Api { get; } = new ChatDriver().Api;

    public override string Path => "/v1/chat/completions";

    public override IEnumerable<string> UserTexts(JsonNode body) => body["messages"]!.AsArray()
        .Where(static message => (string?)message!["role"] == "user")
        .Select(static message => message!["content"] is JsonArray parts
            ? string.Concat(parts.Select(static part => (string?)part!["text"]))
            : (string)message["content"]!);

    public override IEnumerable<string> Functions(JsonNode body) =>
        body["tools"]!.AsArray().Select(static tool => (string)tool!["function"]!["name"]!);

    public override IReadOnlyList<string> Spell(NeutralAnswer answer)
    {
        List<string> frames = [Chunk(new JsonObject { ["role"] = "assistant", ["content"] = "" })];
        foreach (var piece in answer.Pieces)
        {
            frames.AddRange(piece switch
            {
                AnswerPiece.Say say => say.Deltas.Select(static text => Text("content", text)),
                AnswerPiece.Think think => think.Deltas.Select(static text => Text("reasoning_content", text)),
                AnswerPiece.Refuse refuse => refuse.Deltas.Select(static text => Text("refusal", text)),
                AnswerPiece.Call call => Calls(call.Calls),
                _ => throw new ArgumentException($"{piece} has no spelling", nameof(answer)),
            });
        }

        if (answer.End == AnswerEnd.Open)
        {
            return frames;
        }

        frames.Add(Chunk([], answer.End switch
        {
            AnswerEnd.Calls => "tool_calls",
            AnswerEnd.Length => "length",
            AnswerEnd.Filter => "content_filter",
            _ => "stop",
        }));
        if (answer.Usage is { } usage)
        {
            frames.Add(UsageOf(usage));
        }

        frames.Add("data: [DONE]\n\n");
        return frames;
    }

    public override string Fail(string code, string message) => Frame(new JsonObject
    {
        ["error"] = new JsonObject { ["message"] = message, ["type"] = "error", ["param"] = null, ["code"] = code },
    });

    /// <summary>Calls made at the same time come mixed: all begin, then each goes on in turn.</summary>
    private static IEnumerable<string> Calls(FunctionCall[] calls)
    {
        foreach (var (index, call) in calls.Index())
        {
            yield return Chunk(new JsonObject
            {
                ["tool_calls"] = new JsonArray(new JsonObject
                {
                    ["index"] = index,
                    ["id"] = call.Id,
                    ["type"] = "function",
                    ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = "" },
                }),
            });
        }

        for (var i = 0; i < calls.Max(static call => call.Arguments.Length); i++)
        {
            foreach (var (index, call) in calls.Index().Where(call => i < call.Item.Arguments.Length))
            {
                yield return Chunk(new JsonObject
                {
                    ["tool_calls"] = new JsonArray(new JsonObject
                    {
                        ["index"] = index, ["function"] = new JsonObject { ["arguments"] = call.Arguments[i] },
                    }),
                });
            }
        }
    }

    private static string Text(string member, string text) => Chunk(new JsonObject { [member] = text });

    private static string Chunk(JsonObject delta, string? finish = null) => Frame(new JsonObject
    {
        ["id"] = "chatcmpl-1",
        ["object"] = "chat.completion.chunk",
        ["created"] = 1_700_000_000,
        ["model"] = "m",
        ["system_fingerprint"] = null,
        ["choices"] = new JsonArray(new JsonObject
        {
            ["index"] = 0, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = finish,
        }),
        ["usage"] = null,
    });

    private static string UsageOf(Usage usage) => Frame(new JsonObject
    {
        ["id"] = "chatcmpl-1",
        ["object"] = "chat.completion.chunk",
        ["created"] = 1_700_000_000,
        ["model"] = "m",
        ["choices"] = new JsonArray(),
        ["usage"] = new JsonObject
        {
            ["prompt_tokens"] = usage.InputTokens,
            ["completion_tokens"] = usage.OutputTokens,
            ["total_tokens"] = usage.TotalTokens,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CachedTokens },
            ["completion_tokens_details"] = new JsonObject { ["reasoning_tokens"] = usage.ReasoningTokens },
        },
    });
}
