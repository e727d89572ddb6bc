namespace Evergrain.Providers.Demo;

/// <summary>A call to make.</summary>
/// <param name="IsCustom">Whether the tool takes free text.</param>
/// <param name="Name">The tool.</param>
/// <param name="Namespace">Its namespace, or null.</param>
/// <param name="Text">Arguments or input as JSON string content, escaped, without quotes.</param>
internal sealed record ToolCall(bool IsCustom, string Name, string? Namespace, ReadOnlyMemory<byte> Text)
{
    /// <summary>Runs a shell command with whichever shell tool is offered; null if none is.</summary>
    /// <param name="command">The command as JSON string content, escaped, without quotes.</param>
    /// <param name="tools">What is offered.</param>
    public static ToolCall? OfShell(ReadOnlySpan<byte> command, Toolset tools)
    {
        if (tools.TryFind("exec_command", out var tool) && !tool.IsCustom)
        {
            return Of("exec_command", tool, [.. "{\"cmd\":\""u8, .. command, .. "\"}"u8]);
        }

        if (tools.TryFind("shell_command", out tool) && !tool.IsCustom)
        {
            return Of("shell_command", tool, [.. "{\"command\":\""u8, .. command, .. "\"}"u8]);
        }

        if (tools.TryFind("shell", out tool) && !tool.IsCustom)
        {
            return Of("shell", tool, [.. "{\"command\":[\"bash\",\"-lc\",\""u8, .. command, .. "\"]}"u8]);
        }

        // The text is a program in JavaScript, where JSON is an expression.
        return tools.TryFind("exec", out tool) && tool.IsCustom
            ? Of("exec", tool,
                [.. "const r = await tools.exec_command({\"cmd\":\""u8, .. command, .. "\"}); text(r);"u8])
            : null;
    }

    private static ToolCall Of(string name, Tool tool, ReadOnlySpan<byte> text) =>
        new(tool.IsCustom, name, tool.Namespace, DemoJson.Escape(text));
}
