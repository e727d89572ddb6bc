using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>
/// What a server refuses, written down from docs/dialects.md without a look at how requests are made. Each rule gives
/// the first thing that is wrong, as a server's error would.
/// </summary>
internal sealed partial record DialectRules(string Dialect)
{
    private static readonly string[] Always =
        ["model", "stream", "messages", "tools", "tool_choice", "temperature", "top_p", "response_format"];

    /// <summary>Further members of the request.</summary>
    public string[] Members { get; init; } = ["stream_options", "max_tokens", "logprobs", "top_logprobs"];

    public string[] Efforts { get; init; } = [];

    public string[] Details { get; init; } = ["auto", "low", "high"];

    /// <summary>Part types that a user's message may have beside text.</summary>
    public string[] Media { get; init; } = ["image_url", "input_audio", "file"];

    public bool LaterSystem { get; init; }

    public bool Alternates { get; init; } = true;

    public bool ParallelCalls { get; init; } = true;

    public bool NineLetters { get; init; }

    public bool ToolChoiceObjects { get; init; }

    public string[] AssistantMembers { get; init; } = ["reasoning_details"];

    public string[] CallMembers { get; init; } = ["extra_content"];

    public bool JsonSchemas { get; init; } = true;

    /// <summary>What is wrong with a request; null if nothing is.</summary>
    public string? Refuse(string body)
    {
        if (HasHalf(body))
        {
            return "half a character";
        }

        using var document = JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false });
        var request = document.RootElement;
        return Refuse(request) ?? Messages([.. request.GetProperty("messages").EnumerateArray()]);
    }

    private string? Refuse(JsonElement request)
    {
        foreach (var member in request.EnumerateObject())
        {
            if (!Always.Contains(member.Name) && !Members.Contains(member.Name))
            {
                return $"unknown member {member.Name}";
            }

            if (member.Value.ValueKind == JsonValueKind.Null)
            {
                return $"{member.Name} is null";
            }
        }

        return request.TryGetProperty("reasoning_effort", out var effort) && !Efforts.Contains(effort.GetString())
            ? $"unknown effort {effort}"
            : Format(request) ?? Tools(request);
    }

    private string? Format(JsonElement request) => !request.TryGetProperty("response_format", out var format) ? null
        : format.GetProperty("type").GetString() switch
        {
            "json_object" when Dialect == "lmstudio" => "json_object",
            "json_object" when Dialect == "llama.cpp" && !format.TryGetProperty("schema", out _) => "no schema",
            "json_schema" when !JsonSchemas => "json_schema",
            _ => null,
        };

    private string? Tools(JsonElement request)
    {
        var hasTools = request.TryGetProperty("tools", out var tools);
        if (!hasTools)
        {
            return request.TryGetProperty("tool_choice", out _) ? "tool_choice without tools" : null;
        }

        foreach (var tool in tools.EnumerateArray())
        {
            var function = tool.GetProperty("function");
            var parameters = function.GetProperty("parameters");
            if (!SafeName().IsMatch(function.GetProperty("name").GetString()!) ||
                parameters.GetProperty("type").GetString() != "object" ||
                parameters.GetProperty("properties").ValueKind != JsonValueKind.Object ||
                (function.TryGetProperty("strict", out var strict) && strict.ValueKind == JsonValueKind.Null))
            {
                return $"tool {function}";
            }
        }

        return tools.GetArrayLength() == 0 ? "no tools"
            : request.TryGetProperty("tool_choice", out var choice) && choice.ValueKind == JsonValueKind.Object &&
                !ToolChoiceObjects ? "tool_choice is no string"
            : null;
    }

    private string? Messages(List<JsonElement> messages)
    {
        if (messages.Count == 0)
        {
            return Alternates ? "no messages" : null;
        }

        for (var i = 0; i < messages.Count; i++)
        {
            if ((Message(messages[i], i) ?? Order(messages, i)) is { } wrong)
            {
                return $"message {i}: {wrong}";
            }
        }

        return Alternates ? Turns(messages) : null;
    }

    private string? Message(JsonElement message, int place)
    {
        var role = message.GetProperty("role").GetString();
        string[] known = role switch
        {
            "assistant" => ["role", "content", "tool_calls", .. AssistantMembers],
            "tool" => ["role", "content", "tool_call_id"],
            "user" or "system" => ["role", "content"],
            _ => [],
        };
        if (message.EnumerateObject().Select(static member => member.Name).Except(known).FirstOrDefault() is { } other)
        {
            return $"unknown {role} member {other}";
        }

        if (role == "system" && place > 0 && !LaterSystem)
        {
            return "a system message that is not the first";
        }

        return Content(message, role!) ?? Calls(message);
    }

    private string? Content(JsonElement message, string role)
    {
        var content = message.GetProperty("content");
        if (content.ValueKind == JsonValueKind.Null)
        {
            return role == "assistant" && message.TryGetProperty("tool_calls", out _) ? null : "content is null";
        }

        if (content.ValueKind == JsonValueKind.String)
        {
            var mayBeEmpty = role == "tool" || !Alternates || message.TryGetProperty("reasoning_details", out _) ||
                AssistantMembers.Any(member => message.TryGetProperty(member, out _));
            return content.GetString()!.Length == 0 && !mayBeEmpty ? $"empty {role} message" : null;
        }

        foreach (var part in content.EnumerateArray())
        {
            var type = part.GetProperty("type").GetString();
            if (role != "user" || (type != "text" && !Media.Contains(type)))
            {
                return $"a part {type} of {role}";
            }

            if (type == "image_url" && part.GetProperty("image_url").TryGetProperty("detail", out var detail) &&
                !Details.Contains(detail.GetString()))
            {
                return $"detail {detail}";
            }
        }

        return null;
    }

    private string? Calls(JsonElement message)
    {
        if (!message.TryGetProperty("tool_calls", out var calls))
        {
            return null;
        }

        foreach (var call in calls.EnumerateArray())
        {
            var function = call.GetProperty("function");
            using var arguments = JsonDocument.Parse(function.GetProperty("arguments").GetString()!);
            if (arguments.RootElement.ValueKind != JsonValueKind.Object ||
                HasHalf(arguments.RootElement.GetRawText()) ||
                !SafeName().IsMatch(function.GetProperty("name").GetString()!) ||
                (NineLetters && !Nine().IsMatch(call.GetProperty("id").GetString()!)))
            {
                return $"call {call}";
            }

            if (call.EnumerateObject().Select(static member => member.Name)
                .Except(["id", "type", "function", .. CallMembers]).FirstOrDefault() is { } other)
            {
                return $"unknown member {other} of a call";
            }
        }

        return calls.GetArrayLength() is 0 || (calls.GetArrayLength() > 1 && !ParallelCalls) ? "number of calls" : null;
    }

    /// <summary>Calls are followed by their outputs, all of them, and by nothing else; outputs follow calls.</summary>
    private static string? Order(List<JsonElement> messages, int place)
    {
        var role = messages[place].GetProperty("role").GetString();
        if (role == "tool")
        {
            var before = messages[place - 1].GetProperty("role").GetString();
            return before == "tool" || messages[place - 1].TryGetProperty("tool_calls", out _) ? null
                : "a tool message without calls";
        }

        if (!messages[place].TryGetProperty("tool_calls", out var calls))
        {
            return null;
        }

        var asked = calls.EnumerateArray().Select(static call => call.GetProperty("id").GetString()!).Order().ToList();
        var answered = messages.Skip(place + 1)
            .TakeWhile(static message => message.GetProperty("role").GetString() == "tool")
            .Select(static message => message.GetProperty("tool_call_id").GetString()!).Order().ToList();
        return asked.SequenceEqual(answered) ? null : "calls and outputs do not match";
    }

    /// <summary>The rules of templates in which speakers alternate. Tools and calls stand between speakers.</summary>
    private static string? Turns(List<JsonElement> messages)
    {
        var roles = messages.ConvertAll(static message => message.GetProperty("role").GetString()!);
        if (roles[0] == "system")
        {
            roles.RemoveAt(0);
            messages = messages[1..];
        }

        if (roles.FirstOrDefault() != "user")
        {
            return "the first message is not the user's";
        }

        if (roles[^1] is not ("user" or "tool"))
        {
            return "the last message is the assistant's";
        }

        if (roles.Zip(roles.Skip(1)).Any(static pair => pair is ("tool", "user") or ("user", "user")))
        {
            return "a user behind a user or a tool";
        }

        var speakers = roles.Where((role, i) =>
            role != "tool" && !(role == "assistant" && messages[i].TryGetProperty("tool_calls", out _))).ToList();
        return speakers.Zip(speakers.Skip(1)).Any(static pair => pair.First == pair.Second)
            ? "speakers do not alternate"
            : null;
    }

    /// <summary>Whether an escape stands for half a character without its other half.</summary>
    private static bool HasHalf(string json)
    {
        for (var i = json.IndexOf('\\', StringComparison.Ordinal); i >= 0;)
        {
            var unit = UnitAt(json, i);
            if (unit is >= 0xDC00 and <= 0xDFFF || (unit is >= 0xD800 and <= 0xDBFF &&
                UnitAt(json, i + 6) is < 0xDC00 or > 0xDFFF))
            {
                return true;
            }

            i = json.IndexOf('\\', i + (unit is >= 0xD800 and <= 0xDBFF ? 12 : 2));
        }

        return false;
    }

    private static int UnitAt(string json, int place) =>
        place + 6 <= json.Length && json[place] == '\\' && json[place + 1] == 'u'
            ? int.Parse(json.AsSpan(place + 2, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : -1;

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$", RegexOptions.NonBacktracking)]
    private static partial Regex SafeName();

    [GeneratedRegex("^[a-zA-Z0-9]{9}$", RegexOptions.NonBacktracking)]
    private static partial Regex Nine();
}
