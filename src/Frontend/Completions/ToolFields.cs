using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// Writes tools and the choice among them as a create has them: there a tool's members stand beside its type, here
/// inside a member that the type names.
/// </summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, ChatCompletionTool and ChatCompletionToolChoiceOption.</remarks>
internal static class ToolFields
{
    private static readonly string[] ToolMembers = ["type", "function", "custom"];
    private static readonly string[] FunctionMembers = ["name", "description", "parameters", "strict"];
    private static readonly string[] CustomMembers = ["name", "description", "format"];
    private static readonly string[] FormatMembers = ["type", "grammar"];
    private static readonly string[] GrammarMembers = ["syntax", "definition"];
    private static readonly string[] ChoiceMembers = ["type", "function", "custom", "allowed_tools"];
    private static readonly string[] AllowedMembers = ["mode", "tools"];
    private static readonly string[] NameMember = ["name"];

    /// <summary>Writes the value of <c>tools</c>.</summary>
    /// <exception cref="ConversationException">A tool is not what chat completions have.</exception>
    public static void WriteTools(RentedBuffer output, ReadOnlyMemory<byte> tools) =>
        WriteAll(output, tools, "tools", isNamed: false);

    /// <summary>Writes the value of <c>tool_choice</c>.</summary>
    /// <exception cref="ConversationException">It is not what chat completions have.</exception>
    public static void WriteChoice(RentedBuffer output, ReadOnlyMemory<byte> choice)
    {
        if (choice.Span[0] != '{')
        {
            output.Append(choice.Span);
            return;
        }

        var slots = JsonSlots.Read(choice, ChoiceMembers, "tool_choice");
        if (JsonSlots.TextOf(slots["type"]) != "allowed_tools")
        {
            WriteTool(output, slots, "tool_choice", isNamed: true);
            return;
        }

        var allowed = JsonSlots.Read(Need(slots, "allowed_tools", "tool_choice"), AllowedMembers,
            "tool_choice.allowed_tools");
        output.Append("{\"type\":\"allowed_tools\""u8);
        JsonAppends.Member(output, "mode", Need(allowed, "mode", "tool_choice.allowed_tools").Span);
        output.Append(",\"tools\":"u8);
        WriteAll(output, Need(allowed, "tools", "tool_choice.allowed_tools"), "tool_choice.allowed_tools.tools",
            isNamed: true);
        output.Append("}"u8);
    }

    private static void WriteAll(RentedBuffer output, ReadOnlyMemory<byte> tools, string path, bool isNamed)
    {
        if (!JsonSlots.IsArray(tools))
        {
            throw CompletionRefusals.Invalid($"'{path}' must be an array.", path);
        }

        output.Append("["u8);
        var reader = new Utf8JsonReader(tools.Span);
        reader.Read();
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            var at = $"{path}[{i}]";
            output.Append(i > 0 ? ","u8 : default);
            WriteTool(output, JsonSlots.Read(ref reader, tools, ToolMembers, at), at, isNamed);
        }

        output.Append("]"u8);
    }

    /// <summary>Writes a tool, or no more of it than its name.</summary>
    private static void WriteTool(RentedBuffer output, in JsonSlots tool, string path, bool isNamed)
    {
        var type = JsonSlots.TextOf(tool["type"]);
        if (type is not ("function" or "custom"))
        {
            throw CompletionRefusals.Invalid($"'{path}.type' must be 'function' or 'custom'.", $"{path}.type");
        }

        var isCustom = type == "custom";
        var members = isNamed ? NameMember : isCustom ? CustomMembers : FunctionMembers;
        var slots = JsonSlots.Read(Need(tool, type, path), members, $"{path}.{type}");
        output.Append(isCustom ? "{\"type\":\"custom\""u8 : "{\"type\":\"function\""u8);
        JsonAppends.Member(output, "name", CompletionRefusals.NeedText(slots, "name", $"{path}.{type}"));
        foreach (var name in members.AsSpan(1))
        {
            if (slots[name] is { IsEmpty: false } value)
            {
                WriteMember(output, name, value, $"{path}.{type}.{name}");
            }
            else if (name == "strict")
            {
                // Left out, it means false here and true in a create.
                output.Append(",\"strict\":false"u8);
            }
        }

        output.Append("}"u8);
    }

    private static void WriteMember(RentedBuffer output, string name, ReadOnlyMemory<byte> value, string path)
    {
        if (name != "format")
        {
            JsonAppends.Member(output, name, value.Span);
            return;
        }

        var format = JsonSlots.Read(value, FormatMembers, path);
        output.Append(",\"format\":{\"type\":"u8);
        output.Append(CompletionRefusals.NeedText(format, "type", path));
        if (!format["grammar"].IsEmpty)
        {
            var grammar = JsonSlots.Read(format["grammar"], GrammarMembers, $"{path}.grammar");
            foreach (var member in GrammarMembers)
            {
                JsonAppends.Member(output, member, CompletionRefusals.NeedText(grammar, member, $"{path}.grammar"));
            }
        }

        output.Append("}"u8);
    }

    private static ReadOnlyMemory<byte> Need(in JsonSlots slots, string name, string path) =>
        slots[name] is { IsEmpty: false } value ? value : throw CompletionRefusals.Missing($"{path}.{name}");
}
