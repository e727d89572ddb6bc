using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Responses;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>
/// The events of <c>POST /v1/responses</c> as a stream. Source: OpenAI's reference of streaming events.
/// </summary>
internal sealed class ResponsesDialect : Dialect
{
    public override IModelApi Api { get; } = new ResponsesApi("test");

    public override string Path => "/v1/responses";

    public override IEnumerable<string> UserTexts(JsonNode body) => body["input"]!.AsArray()
        .Where(static item => (string?)item!["role"] == "user")
        .Select(static item => item!["content"]!.AsArray())
        .Select(static parts => string.Concat(parts.Select(static part => (string?)part!["text"])));

    public override IEnumerable<string> Functions(JsonNode body) =>
        body["tools"]!.AsArray().Select(static tool => (string)tool!["name"]!);

    public override IReadOnlyList<string> Spell(NeutralAnswer answer)
    {
        var frames = new Frames();
        frames.Add("response.created", new JsonObject { ["response"] = Response("in_progress", []) });
        frames.Add("response.in_progress", new JsonObject { ["response"] = Response("in_progress", []) });
        foreach (var (index, piece) in answer.Pieces.Index())
        {
            var isLast = index == answer.Pieces.Length - 1;
            SpellPiece(frames, piece, isLast ? answer.End : AnswerEnd.Stop);
        }

        if (answer.End == AnswerEnd.Open)
        {
            return frames.Texts;
        }

        var isCut = answer.End is AnswerEnd.Length or AnswerEnd.Filter;
        var response = Response(isCut ? "incomplete" : "completed", frames.Items);
        response["incomplete_details"] = isCut
            ? new JsonObject
            {
                ["reason"] = answer.End == AnswerEnd.Length ? "max_output_tokens" : "content_filter",
            }
            : null;
        response["usage"] = UsageOf(answer.Usage);
        frames.Add(isCut ? "response.incomplete" : "response.completed", new JsonObject { ["response"] = response });
        return frames.Texts;
    }

    public override string Fail(string code, string message)
    {
        var response = Response("failed", []);
        response["error"] = new JsonObject { ["code"] = code, ["message"] = message };
        var frames = new Frames();
        frames.Add("response.failed", new JsonObject { ["response"] = response });
        return frames.Texts[0];
    }

    private static void SpellPiece(Frames frames, AnswerPiece piece, AnswerEnd end)
    {
        switch (piece)
        {
            case AnswerPiece.Say say:
                frames.Item(MessageItem(), "response.output_text", "text", "output_text", say.Deltas, end);
                break;
            case AnswerPiece.Refuse refuse:
                frames.Item(MessageItem(), "response.refusal", "refusal", "refusal", refuse.Deltas, end);
                break;
            case AnswerPiece.Think think:
                frames.Item(new JsonObject { ["type"] = "reasoning", ["summary"] = new JsonArray() },
                    "response.reasoning_text", "text", "reasoning_text", think.Deltas, end);
                break;
            case AnswerPiece.Call call:
                foreach (var (index, one) in call.Calls.Index())
                {
                    frames.Call(one, index == call.Calls.Length - 1 ? end : AnswerEnd.Stop);
                }

                break;
        }
    }

    private static JsonObject MessageItem() => new() { ["type"] = "message", ["role"] = "assistant" };

    private static JsonObject Response(string status, IEnumerable<JsonObject> output) => new()
    {
        ["id"] = "resp_upstream",
        ["object"] = "response",
        ["created_at"] = 1_700_000_000,
        ["status"] = status,
        ["error"] = null,
        ["incomplete_details"] = null,
        ["model"] = "m",
        ["output"] = new JsonArray([.. output.Select(static item => item.DeepClone())]),
        ["usage"] = null,
    };

    private static JsonObject? UsageOf(Usage? usage) => usage is null ? null : new JsonObject
    {
        ["input_tokens"] = usage.InputTokens,
        ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CachedTokens },
        ["output_tokens"] = usage.OutputTokens,
        ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = usage.ReasoningTokens },
        ["total_tokens"] = usage.TotalTokens,
    };

    /// <summary>Events in their order, numbered, with the items they made.</summary>
    private sealed class Frames
    {
        public List<string> Texts { get; } = [];

        public List<JsonObject> Items { get; } = [];

        public void Add(string type, JsonObject members)
        {
            var data = new JsonObject { ["type"] = type, ["sequence_number"] = Texts.Count };
            foreach (var (name, value) in members)
            {
                data[name] = value?.DeepClone();
            }

            Texts.Add($"event: {type}\n{Frame(data)}");
        }

        /// <summary>An item whose content is one part.</summary>
        public void Item(
            JsonObject item, string events, string member, string type, string[] deltas, AnswerEnd end)
        {
            Begin(item, type == "reasoning_text" ? "rs" : "msg");
            item["content"] = new JsonArray();
            Added(item);
            Of("response.content_part.added", new() { ["content_index"] = 0, ["part"] = Part(type, member, "") });
            foreach (var delta in deltas)
            {
                Of($"{events}.delta", With(type, new() { ["content_index"] = 0, ["delta"] = delta }));
            }

            if (end == AnswerEnd.Open)
            {
                return;
            }

            var text = string.Concat(deltas);
            Of($"{events}.done", With(type, new() { ["content_index"] = 0, [member] = text }));
            Of("response.content_part.done", new() { ["content_index"] = 0, ["part"] = Part(type, member, text) });
            item["content"] = new JsonArray(Part(type, member, text));
            Done(item, end);
        }

        public void Call(FunctionCall call, AnswerEnd end)
        {
            var item = new JsonObject
            {
                ["type"] = "function_call", ["call_id"] = call.Id, ["name"] = call.Name, ["arguments"] = "",
            };
            Begin(item, "fc");
            Added(item);
            foreach (var delta in call.Arguments)
            {
                Of("response.function_call_arguments.delta", new() { ["delta"] = delta });
            }

            if (end == AnswerEnd.Open)
            {
                return;
            }

            item["arguments"] = string.Concat(call.Arguments);
            Of("response.function_call_arguments.done", new()
            {
                ["name"] = call.Name, ["arguments"] = item["arguments"]!.DeepClone(),
            });
            Done(item, end);
        }

        private static JsonObject Part(string type, string member, string text)
        {
            var part = new JsonObject { ["type"] = type, [member] = text };
            if (type == "output_text")
            {
                part["annotations"] = new JsonArray();
                part["logprobs"] = new JsonArray();
            }

            return part;
        }

        private static JsonObject With(string type, JsonObject members)
        {
            if (type == "output_text")
            {
                members["logprobs"] = new JsonArray();
            }

            return members;
        }

        private void Begin(JsonObject item, string prefix)
        {
            item["id"] = $"{prefix}_upstream_{Items.Count}";
            item["status"] = "in_progress";
            Items.Add(item);
        }

        private void Added(JsonObject item) => Add("response.output_item.added", new JsonObject
        {
            ["output_index"] = Items.Count - 1, ["item"] = item.DeepClone(),
        });

        private void Done(JsonObject item, AnswerEnd end)
        {
            item["status"] = end is AnswerEnd.Length or AnswerEnd.Filter ? "incomplete" : "completed";
            Add("response.output_item.done", new JsonObject
            {
                ["output_index"] = Items.Count - 1, ["item"] = item.DeepClone(),
            });
        }

        private void Of(string type, JsonObject members)
        {
            members["item_id"] = (string)Items[^1]["id"]!;
            members["output_index"] = Items.Count - 1;
            Add(type, members);
        }
    }
}
