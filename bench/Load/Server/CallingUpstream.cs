using System.Globalization;
using System.Text;

namespace Evergrain.Load.Server;

/// <summary>
/// A model server that answers each request at once with one call of a tool, of an id that is new. It answers creates,
/// too: with it alone, a client has no gateway.
/// </summary>
internal sealed class CallingUpstream() : DiscardingUpstream(deltas: 0)
{
    private const string Name = "\"name\":\"read_file\",\"arguments\":\"{\\\"path\\\":\\\"src/Program.cs\\\"}\"";

    private long _calls;

    protected override ReadOnlySpan<byte> AnswerTo(string head)
    {
        if (!head.StartsWith("POST", StringComparison.Ordinal))
        {
            return base.AnswerTo(head);
        }

        var call = string.Create(CultureInfo.InvariantCulture, $"call_{Interlocked.Increment(ref _calls):x24}");
        return head.StartsWith("POST /v1/responses ", StringComparison.Ordinal)
            ? Answer("application/json", Response(call))
            : Answer("text/event-stream", Completion(call));
    }

    private static string Response(string call) =>
        $$"""{"id":"resp_{{call}}","object":"response","status":"completed","output":[{"type":"function_call",""" +
        $$"""
        "id":"fc_{{call}}","call_id":"{{call}}",{{Name}},"status":"completed"}]}
        """;

    private static string Completion(string call)
    {
        const string begin = """data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"demo",""";
        var events = new StringBuilder();
        events.Append(begin).Append("""
            "choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant","content":null,"tool_calls":[
            """)
            .Append($$$"""{"index":0,"id":"{{{call}}}","type":"function","function":{{{{Name}}}}}]}}]}""")
            .Append("\n\n");
        events.Append(begin).Append("""
            "choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}
            """).Append("\n\n");
        events.Append(begin).Append("""
            "choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}
            """).Append("\n\ndata: [DONE]\n\n");
        return events.ToString();
    }
}
