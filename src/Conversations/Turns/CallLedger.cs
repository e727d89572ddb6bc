using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Which calls of a branch wait for an output. A turn begins with those of its parent's output; its input must answer
/// each of them once, and nothing else.
/// </summary>
internal sealed class CallLedger(IReadOnlyDictionary<string, string> open)
{
    /// <summary>Nothing waits.</summary>
    public static readonly IReadOnlyDictionary<string, string> Nothing =
        new Dictionary<string, string>(StringComparer.Ordinal);

    private readonly Dictionary<string, string> _open = new(open, StringComparer.Ordinal);

    /// <summary>The call type that an output type answers; null if the item is no output of a client's call.</summary>
    /// <remarks>Source: OpenAI's OpenAPI file 2.3.0. Types whose call id may be null are answered by the
    /// server.</remarks>
    public static string? Answers(string type) => type switch
    {
        "function_call_output" => "function_call",
        "custom_tool_call_output" => "custom_tool_call",
        "shell_call_output" => "shell_call",
        "apply_patch_call_output" => "apply_patch_call",
        "computer_call_output" => "computer_call",
        _ => null,
    };

    /// <summary>Whether an item of this type is a call that its client answers.</summary>
    public static bool IsCall(string type) =>
        type is "function_call" or "custom_tool_call" or "shell_call" or "apply_patch_call" or "computer_call";

    /// <summary>Notes an output item that waits for its client's answer.</summary>
    public static void AddCall(Dictionary<string, string> calls, in ItemHead item)
    {
        if (item.CallId is not null && IsCall(item.Type))
        {
            calls[item.CallId] = item.Type;
        }
    }

    /// <summary>Takes the next input item into account.</summary>
    /// <exception cref="ConversationException">It answers no call that waits, or repeats one.</exception>
    public void Add(in ItemHead item, string path)
    {
        if (item.CallId is null)
        {
            return;
        }

        if (IsCall(item.Type) && !_open.TryAdd(item.CallId, item.Type))
        {
            throw Refused($"The call '{item.CallId}' is there twice.", path);
        }

        if (Answers(item.Type) is { } call &&
            !(_open.TryGetValue(item.CallId, out var type) && type == call && _open.Remove(item.CallId)))
        {
            throw Refused($"No {call} with call_id '{item.CallId}' waits for an output here: it is unknown, or was " +
                "answered before.", path);
        }
    }

    /// <summary>Refuses a turn that leaves a call without an answer.</summary>
    /// <exception cref="ConversationException">A call still waits.</exception>
    public void CheckAllAnswered()
    {
        foreach (var callId in _open.Keys)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"The call '{callId}' has no output: 'input' must answer every call before it.", "input");
        }
    }

    private static ConversationException Refused(string message, string path) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, path + ".call_id");
}
