using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Evergrain.Conversations.Wire;

namespace Evergrain.Providers.Demo;

/// <summary>Reads a script. It never throws: what is wrong becomes <see cref="Script.Fault"/>.</summary>
internal static class ScriptParser
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    public static Script Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));

    public static Script ParseBase64(string text)
    {
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out var written))
        {
            return Script.Malformed("what follows @@script64 is not base64");
        }

        return Utf8.IsValid(bytes.AsSpan(0, written))
            ? Parse(bytes.AsMemory(0, written))
            : Script.Malformed("what follows @@script64 is not UTF-8");
    }

    private static Script Parse(ReadOnlyMemory<byte> json)
    {
        var steps = new List<Step>();
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                return Script.Malformed("it must be a JSON array of steps on one line");
            }

            foreach (var step in document.RootElement.EnumerateArray())
            {
                steps.Add(new StepReader().Read(step));
            }

            return new Script(steps, null);
        }
        catch (FormatException wrong)
        {
            return Script.Malformed($"step {steps.Count + 1}: {wrong.Message}");
        }
        catch (JsonException wrong)
        {
            return Script.Malformed(
                $"it must be a JSON array of steps on one line: {JsonPlace.Of(wrong)} of it is wrong");
        }
        catch (InvalidOperationException)
        {
            return Script.Malformed("a member's name holds an unpaired surrogate");
        }
    }
}

/// <summary>Reads one step into its acts.</summary>
internal sealed class StepReader
{
    /// <summary>One hour: longer than any wait a client is tried with.</summary>
    private const int WaitMillisecondsMax = 3_600_000;

    /// <summary>16 MiB: no journal record, and so no item, is larger.</summary>
    private const int MessageBytesMax = 16 << 20;

    /// <summary>More events than a message of the largest size has.</summary>
    private const int EventsMax = 100_000;

    private const int QuotedLengthMax = 80;

    private static readonly Dictionary<string, string[]> Members = new(StringComparer.Ordinal)
    {
        ["say"] = [],
        ["bytes"] = [],
        ["shell"] = [],
        ["call"] = ["args", "namespace"],
        ["custom"] = ["input", "namespace"],
        ["parallel"] = [],
        ["think"] = ["then"],
        ["fail"] = ["after_events"],
        ["stop"] = [],
    };

    private readonly List<Act> _acts = [];
    private UsageFigures? _usage;

    /// <summary>The step of one JSON object.</summary>
    /// <exception cref="FormatException">The step is malformed; the message says why.</exception>
    public Step Read(JsonElement step)
    {
        Add(step, TimeSpan.Zero, TimeSpan.Zero);
        return _acts[..^1].Exists(act => act.Kind is ActKind.Fail or ActKind.Stop)
            ? throw new FormatException("nothing can follow fail or stop")
            : new Step(_acts, _usage);
    }

    private void Add(JsonElement step, TimeSpan delay, TimeSpan chunk)
    {
        var kind = KindOf(step);
        var value = step.GetProperty(kind);
        delay += Wait(step, "delay_ms") ?? TimeSpan.Zero;
        chunk = Wait(step, "chunk_ms") ?? chunk;
        _usage ??= step.TryGetProperty("usage", out var usage) ? UsageFigures.Read(usage) : null;
        switch (kind)
        {
            case "parallel":
                AddAll(value, delay, chunk);
                break;
            case "think":
                _acts.Add(new Act(ActKind.Think, delay, chunk) { Text = DemoJson.Content(value, kind) });
                Add(Required(step, "then"), TimeSpan.Zero, chunk);
                break;
            default:
                _acts.Add(Single(kind, step, value, delay, chunk));
                break;
        }
    }

    private void AddAll(JsonElement steps, TimeSpan delay, TimeSpan chunk)
    {
        if (steps.ValueKind != JsonValueKind.Array || steps.GetArrayLength() == 0)
        {
            throw new FormatException("parallel takes an array of at least one step");
        }

        foreach (var step in steps.EnumerateArray())
        {
            Add(step, delay, chunk);
            delay = TimeSpan.Zero;
        }
    }

    private static Act Single(string kind, JsonElement step, JsonElement value, TimeSpan delay, TimeSpan chunk)
    {
        Act Of(ActKind act) => new(act, delay, chunk);
        return kind switch
        {
            "say" => Of(ActKind.Say) with { Text = DemoJson.Content(value, kind) },
            "shell" => Of(ActKind.Shell) with { Text = DemoJson.Content(value, kind) },
            "bytes" => Of(ActKind.Bytes) with { Count = (int)DemoJson.Whole(value, kind, MessageBytesMax) },
            "call" => Of(ActKind.Call) with
            {
                Name = DemoJson.Name(value, kind), Namespace = Namespace(step), Text = Arguments(step),
            },
            "custom" => Of(ActKind.Custom) with
            {
                Name = DemoJson.Name(value, kind), Namespace = Namespace(step),
                Text = DemoJson.Content(Required(step, "input"), "input"),
            },
            "fail" => Of(ActKind.Fail) with { Name = DemoJson.Name(value, kind), Count = AfterEvents(step) },
            _ => Of(ActKind.Stop) with { Name = StopReason(value), Text = DemoJson.Escape("stopped early") },
        };
    }

    private static string KindOf(JsonElement step)
    {
        if (step.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"a step is an object, not {Quoted(step)}");
        }

        string? kind = null;
        foreach (var member in step.EnumerateObject())
        {
            kind ??= Members.ContainsKey(member.Name) ? member.Name : null;
        }

        if (kind is null)
        {
            throw new FormatException(
                $"unknown step {Quoted(step)}; the steps are {string.Join(", ", Members.Keys)}");
        }

        foreach (var member in step.EnumerateObject())
        {
            var known = member.Name == kind || member.Name is "delay_ms" or "chunk_ms" or "usage";
            if (!known && !Members[kind].Contains(member.Name))
            {
                throw new FormatException($"\"{kind}\" takes no member \"{member.Name}\"");
            }
        }

        return kind;
    }

    private static JsonElement Required(JsonElement step, string name) =>
        step.TryGetProperty(name, out var value) ? value : throw new FormatException($"\"{name}\" is missing");

    private static TimeSpan? Wait(JsonElement step, string name) =>
        step.TryGetProperty(name, out var value)
            ? TimeSpan.FromMilliseconds(DemoJson.Whole(value, name, WaitMillisecondsMax))
            : null;

    private static int AfterEvents(JsonElement step) =>
        step.TryGetProperty("after_events", out var value)
            ? (int)DemoJson.Whole(value, "after_events", EventsMax)
            : 0;

    private static string? Namespace(JsonElement step) =>
        step.TryGetProperty("namespace", out var value) ? DemoJson.Name(value, "namespace") : null;

    private static ReadOnlyMemory<byte> Arguments(JsonElement step)
    {
        if (!step.TryGetProperty("args", out var arguments))
        {
            return "{}"u8.ToArray();
        }

        return arguments.ValueKind == JsonValueKind.Object
            ? DemoJson.Escape(JsonMarshal.GetRawUtf8Value(arguments))
            : throw new FormatException("args must be an object");
    }

    private static string StopReason(JsonElement value) =>
        DemoJson.Text(value) is "max_output_tokens" or "content_filter"
            ? value.GetString()!
            : throw new FormatException("stop takes max_output_tokens or content_filter");

    private static string Quoted(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= QuotedLengthMax ? text : "of " + text.Length + " characters";
    }
}
