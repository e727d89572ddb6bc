using System.Globalization;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Providers.Tests.Chat;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>
/// A conversation as a client may send it, made from one seed: every type of item, in every order that the rules of
/// calls and outputs allow, with empty and odd texts and names.
/// </summary>
internal sealed class SampleConversation
{
    // Insides of JSON strings, as spelled.
    private static readonly string[] Texts =
    [
        "", " ", "plain", "a \\\"quoted\\\" word", "line\\nline", "\\u00e9é", "\\ud83d\\ude00", "half \\ud83d",
        "\\ude00 half", "\\\\ud83d", "]}", "\\u0000", "<think>x</think>",
    ];

    private static readonly string[] Arguments =
    [
        "{}", "{\\\"a\\\":1}", "{\\\"a\\\":\\\"\\\\ud83c\\\"}", "{\\\"a\\\":\\\"\\ud83c\\\"}", "", " ", "{\\\"cut\\\":",
        "[1]", "null", "{} {}",
    ];

    private static readonly string[] Names =
        ["f", "read_file", "n\\u0061me", "dotted.name", "with space", "größe", "x__y", new('l', 80), "-"];

    private readonly Random _chance;
    private readonly string _server;
    private readonly List<string> _open = [];
    private int _calls;

    public SampleConversation(int seed, string server)
    {
        (_chance, _server) = (new Random(seed), server);
        for (var left = _chance.Next(0, 16); left > 0; left--)
        {
            Add();
        }

        while (_open.Count > 0)
        {
            if (_chance.Next(4) == 0)
            {
                AddOther();
            }

            AddOutput();
        }

        if (_chance.Next(3) > 0)
        {
            AddMessage("user");
        }
    }

    public List<Item> Items { get; } = [];

    /// <summary>The create's parameters.</summary>
    public Dictionary<string, string> Parameters { get; } = new(StringComparer.Ordinal);

    /// <summary>Draws parameters of the last create.</summary>
    public SampleConversation WithParameters()
    {
        Maybe("instructions", $"\"{Any(Texts)}\"");
        Maybe("temperature", "0.5");
        Maybe("max_output_tokens", "64");
        Maybe("prompt_cache_key", "\"thread \\ud83c\"");
        Maybe("safety_identifier", "\"u\"");
        Maybe("user", "\"u\"");
        Maybe("presence_penalty", "0.1");
        Maybe("frequency_penalty", "0.1");
        Maybe("include", """["message.output_text.logprobs"]""");
        Maybe("top_logprobs", Any("0", "3"));
        Maybe("service_tier", "\"flex\"");
        Maybe("parallel_tool_calls", "false");
        Maybe("reasoning",
            $$"""{"effort":"{{Any("none", "minimal", "low", "medium", "high", "xhigh", "max")}}","summary":"auto"}""");
        Maybe("text", Any(
            """{"verbosity":"low"}""", """{"format":{"type":"json_object"}}""", """{"format":{"type":"text"}}""",
            """{"format":{"type":"json_schema","name":"n","schema":{"type":"object","title":"\ud83c"}}}"""));
        if (_chance.Next(2) == 0)
        {
            Parameters["tools"] = $$"""
                [{"type":"function","name":"{{Any(Names)}}","strict":{{Any("null", "true")}},
                "parameters":{{Any("{}", "null", "{\"type\":\"object\"}")}} },
                {"type":"function","name":"forced","description":"\ud83c"},
                {"type":"custom","name":"apply_patch",
                "format":{"type":"grammar","syntax":"lark","definition":"s: \ud83c"} },{"type":"web_search"},
                {"type":"namespace","name":"ns","tools":[{"type":"function","name":"g"}]}]
                """;
            Maybe("tool_choice", Any(
                "\"auto\"", "\"none\"", "\"required\"", """{"type":"function","name":"forced"}""",
                """{"type":"custom","name":"apply_patch"}""",
                """{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"forced"}]}"""));
        }

        return this;
    }

    private void Add()
    {
        switch (_chance.Next(6))
        {
            case 0:
                AddMessage("user");
                break;
            case 1:
                for (var calls = _chance.Next(1, 4); calls > 0; calls--)
                {
                    AddCall();
                }

                break;
            case 2 or 3 when _open.Count > 0:
                AddOutput();
                break;
            default:
                AddOther();
                break;
        }
    }

    private void AddMessage(string role)
    {
        var content = _chance.Next(3) switch
        {
            0 => $"\"{Any(Texts)}\"",
            1 => "[]",
            _ => $"[{string.Join(',', Enumerable.Range(0, _chance.Next(1, 4)).Select(_ => Part()))}]",
        };
        Add($$"""{"role":"{{role}}","content":{{content}}}""", role == "assistant" ? Kept("reasoning_details") : null);
    }

    private void AddCall()
    {
        var number = _calls.ToString(CultureInfo.InvariantCulture);
        var id = Any("call_" + number, "call_" + number.PadLeft(24, '0'), $"id {number}.x");
        _calls++;
        _open.Add(id);
        var name = Any(Names);
        var space = _chance.Next(4) == 0 ? "\"namespace\":\"ns\"," : "";
        var type = _chance.Next(3) > 0
            ? $"\"function_call\",\"arguments\":\"{Any(Arguments)}\""
            : $"\"custom_tool_call\",\"input\":\"{Any(Texts)}\"";
        Add($$"""{"call_id":"{{id}}",{{space}}"name":"{{name}}","status":"completed","type":{{type}}}""",
            Kept("extra_content"));
    }

    private void AddOutput()
    {
        var id = _open[_chance.Next(_open.Count)];
        _open.Remove(id);
        var isCustom = Items.Exists(item => item.Type == "custom_tool_call" && Encoding.UTF8.GetString(item.Json.Span)
            .Contains($"\"{id}\"", StringComparison.Ordinal));
        var output = _chance.Next(2) == 0 ? $"\"{Any(Texts)}\"" : $"[{Part()},{Part()}]";
        var type = isCustom ? "custom_tool_call_output" : "function_call_output";
        Add($$"""{"type":"{{type}}","call_id":"{{id}}","output":{{output}}}""");
    }

    private void AddOther()
    {
        switch (_chance.Next(8))
        {
            case 0 or 1:
                AddMessage(Any("system", "developer"));
                break;
            case 2 or 3:
                AddMessage("assistant");
                break;
            case 4:
                Add("""
                    {"type":"additional_tools","tools":[{"type":"custom","name":"c"},{"type":"function","name":"d"}]}
                    """);
                break;
            case 5:
                Add($$"""{"type":"compaction","encrypted_content":"{{Any("short summary", new string('A', 80))}}"}""");
                break;
            case 6:
                Add(Any("""{"type":"web_search_call","id":"ws_1","status":"completed"}""", """{"type":"hologram"}""",
                    """{"type":"compaction_trigger"}"""));
                break;
            default:
                var summary = $$"""{"type":"summary_text","text":"{{Any(Texts)}}"}""";
                Add($$"""{"type":"reasoning","summary":[{{summary}}],"encrypted_content":"x"}""",
                    Kept("reasoning_details"));
                break;
        }
    }

    private string Part()
    {
        var text = Any(Texts);
        var image = $"\"data:image/png;base64,AAAA\",\"detail\":\"{Any("auto", "low", "high", "original", "huge")}\"";
        return Any($$"""{"type":"input_text","text":"{{text}}"}""", $$"""{"type":"output_text","text":"{{text}}"}""",
            $$"""{"type":"refusal","refusal":"{{text}}"}""", """{"type":"input_image","file_id":"f"}""",
            $$"""{"type":"input_image","image_url":{{image}}}""",
            """{"type":"input_file","file_data":"data:application/pdf;base64,AAAA","filename":"half \ud83c"}""",
            """{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}""",
            """{"type":"unknown","x":[{}]}""");
    }

    private string? Kept(string member) => _chance.Next(4) switch
    {
        0 when member == "extra_content" => """{"extra_content":{"google":{"thought_signature":"sig"}}}""",
        0 => """{"reasoning_details":[{"type":"reasoning.text","text":"t","index":0}]}""",
        _ => null,
    };

    private void Add(string json, string? kept = null)
    {
        var origin = kept is null ? null : new ItemOrigin(_chance.Next(3) > 0 ? _server : "chat:another", kept);
        Items.Add(ChatDriver.ItemOf(Encoding.UTF8.GetBytes(json)) with { Origin = origin });
    }

    private void Maybe(string field, string json)
    {
        if (_chance.Next(3) == 0)
        {
            Parameters[field] = json;
        }
    }

    private string Any(params string[] choices) => choices[_chance.Next(choices.Length)];
}
