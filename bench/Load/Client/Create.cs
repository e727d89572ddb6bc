using System.Globalization;
using System.Text;

namespace Evergrain.Load.Client;

/// <summary>Makes the JSON of creates and items, all of a fixed size.</summary>
internal static class Create
{
    /// <summary>Bytes of an item, as in the published traces of coding agents: a tool's result.</summary>
    public const int ItemBytes = 2_000;

    /// <summary>Bytes of tool definitions that Codex sends with each turn.</summary>
    public const int ToolsBytes = 18_000;

    /// <summary>The name of the tool that scripts call.</summary>
    public const string Tool = "read_file";

    private const int ToolCount = 12;
    private static readonly string Tools = MakeTools();

    /// <summary>A create with everything but the type of its input decided.</summary>
    /// <param name="parent">The response it continues; null begins a conversation.</param>
    /// <param name="items">The input items' JSON.</param>
    /// <param name="withTools">Whether the 18 KB of tools go with it.</param>
    /// <param name="generate">False only adds the items.</param>
    /// <param name="store">Whether the turn is stored.</param>
    public static byte[] Turn(string? parent, IEnumerable<string> items, bool withTools = true, bool generate = true,
        bool store = true)
    {
        var json = new StringBuilder("""{"type":"response.create","model":"demo","stream":true""");
        json.Append(store ? "" : ",\"store\":false");
        json.Append(generate ? "" : ",\"generate\":false");
        json.Append(parent is null ? "" : $",\"previous_response_id\":\"{parent}\"");
        json.Append(withTools ? ",\"tools\":" + Tools : "");
        return Encoding.UTF8.GetBytes(json.Append(",\"input\":[").AppendJoin(',', items).Append("]}").ToString());
    }

    /// <summary>A user message of <see cref="ItemBytes"/>.</summary>
    public static string Message(int number) => Padded($$"""{"type":"message","role":"user","content":"{{number}} """);

    /// <summary>
    /// A user message of at least <see cref="ItemBytes"/> that scripts the demo model's next answers.
    /// </summary>
    public static string Script(string steps) => Padded(
        """{"type":"message","role":"user","content":"@@script [""" +
        steps.Replace("\"", "\\\"", StringComparison.Ordinal) + """]\n""");

    /// <summary>A tool's result of <see cref="ItemBytes"/>.</summary>
    public static string Answer(string callId) =>
        Padded($$"""{"type":"function_call_output","call_id":"{{callId}}","output":" """);

    /// <summary>A tool's result of any size: lines as tools print them, with three escapes in each 70 bytes.</summary>
    public static string Output(string callId, int number, int bytes)
    {
        var text = new StringBuilder(bytes + 80)
            .Append($$"""{"type":"function_call_output","call_id":"{{callId}}","output":" """);
        for (var line = 1; text.Length < bytes; line++)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"src/Program.cs:{number + line}:    Console.WriteLine(\\\"the quick brown fox jumps\\\");\\n");
        }

        return text.Append("\"}").ToString();
    }

    private static string Padded(string head)
    {
        const string tail = "\"}";
        var text = new StringBuilder(head, ItemBytes + 2);
        const string filler = "The quick brown fox jumps over the lazy dog, and then it does so once again. ";
        while (text.Length < ItemBytes - tail.Length)
        {
            text.Append(filler, 0, Math.Min(filler.Length, ItemBytes - tail.Length - text.Length));
        }

        return text.Append(tail).ToString();
    }

    private static string MakeTools()
    {
        var tools = new StringBuilder("[");
        for (var i = 0; i < ToolCount; i++)
        {
            var name = i == 0 ? Tool : $"tool_{i}";
            var head = (i > 0 ? "," : "") +
                $$"""{"type":"function","name":"{{name}}","strict":false,"description":" """;
            const string tail = """
                ","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}
                """;
            var room = (ToolsBytes / ToolCount) - head.Length - tail.Length;
            tools.Append(head).Append('d', room).Append(tail);
        }

        return tools.Append(']').ToString();
    }
}
