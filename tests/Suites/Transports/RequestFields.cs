namespace Evergrain.Suites.Transports;

/// <summary>A field of a create, a value it takes, and what the response says of it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">The JSON of a value other than the default.</param>
/// <param name="Echo">The JSON of the echo; null: responses do not say it.</param>
public sealed record RequestField(string Name, string Value, string? Echo)
{
    public RequestField(string name, string value)
        : this(name, value, value)
    {
    }
}

/// <summary>
/// Every field of OpenAI's CreateResponse that is taken, and the three that Open Responses and Codex add.
/// </summary>
public static class RequestFields
{
    private const string Parameters = """{"type":"object","properties":{"a":{"type":"string"}}}""";

    public static readonly RequestField[] All =
    [
        new("model", "\"demo\""),
        new("input", """[{"role":"user","content":"hi"}]""", null),
        new("instructions", "\"Be \\\"brief\\\".\""),
        new("store", "true"),
        new("stream_options", """{"include_obfuscation":false}""", null),
        new("include", """["reasoning.encrypted_content","message.output_text.logprobs"]""", null),
        new("tools", $$"""
            [{"type":"function","name":"f","parameters":{{Parameters}}},{"type":"custom","name":"c"},
            {"type":"web_search","search_context_size":"low"},{"type":"namespace","name":"n","tools":[]}]
            """, $$"""
            [{"type":"function","name":"f","description":null,"strict":null,"parameters":{{Parameters}}},
            {"type":"custom","name":"c"},{"type":"web_search","search_context_size":"low"},
            {"type":"namespace","name":"n","tools":[]}]
            """),
        new("tool_choice", """{"type":"function","name":"f"}"""),
        new("parallel_tool_calls", "false"),
        new("max_output_tokens", "4096"),
        new("max_tool_calls", "3"),
        new("temperature", "0.25"),
        new("top_p", "0.5"),
        new("presence_penalty", "-0.5"),
        new("frequency_penalty", "0.5"),
        new("top_logprobs", "2"),
        new("truncation", "\"disabled\""),
        new("reasoning", """{"effort":"low","summary":"auto","context":"auto"}"""),
        new("text", """{"format":{"type":"json_object"},"verbosity":"low"}"""),
        new("metadata", """{"ticket":"4711","Ключ":"значение"}"""),
        new("prompt_cache_key", "\"thread-1\""),
        new("prompt_cache_retention", "\"24h\""),
        new("prompt_cache_options", """{"ttl":"1h"}"""),
        new("safety_identifier", "\"user-1\""),
        new("service_tier", "\"flex\""),
        new("context_management", """[{"type":"compaction","compact_threshold":100000}]""", null),
        new("moderation", """{"model":"m"}""", null),
        new("user", "\"u\""),
        new("client_metadata", """{"session_id":"s"}""", null),
        new("a_field_of_tomorrow", """{"deep":[1,{"er":null}]}""", null),
    ];

    public static readonly HashSet<string> Names = [.. All.Select(field => field.Name)];
}
