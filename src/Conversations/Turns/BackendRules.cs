using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>Refuses a create whose parameters its model's servers could not follow.</summary>
internal static class BackendRules
{
    /// <summary>Checks a create's parameters.</summary>
    /// <exception cref="ConversationException">One would have no effect; the refusal names it.</exception>
    public static void Check(IModelBackend backend, string model, IReadOnlyList<HeldValue> values)
    {
        var tools = Parameters.ToolsOf(values);
        CheckPlaces(tools);
        if (tools.FirstAsync is { } tool && !backend.TakesOpenCalls)
        {
            throw NoAsync(tool, "tools");
        }

        foreach (var value in values)
        {
            if (backend.Refuse(value.Field, value.Json) is { } path)
            {
                throw Refused($"'{path}' is not supported with the model '{model}': its servers do not know it. " +
                    $"Leave '{path}' out, or the part of it that they lack.", path);
            }
        }
    }

    /// <summary>Checks where declared tools have <c>async</c>.</summary>
    /// <exception cref="ConversationException">It stands where it means nothing.</exception>
    public static void CheckPlaces(DeclaredTools tools)
    {
        if (tools.Fault is var (message, path))
        {
            throw Refused(message, path);
        }
    }

    /// <summary>The refusal of an async tool.</summary>
    public static ConversationException NoAsync(ToolName tool, string param) => Refused(
        $"The tool '{tool}' is async, and the servers of this model cannot wait for its output: leave 'async' out.",
        param);

    private static ConversationException Refused(string message, string param) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, param);
}
