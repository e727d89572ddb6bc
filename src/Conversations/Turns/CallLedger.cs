using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Which calls of a branch wait for an output. A turn begins with those of its parent's output; its input answers each
/// of them once, and nothing else. An async call may stay open, and takes any number of outputs, turns later too.
/// </summary>
/// <remarks>
/// Source: OpenAI's guide on async tool calling. The sentences of refusals are OpenAI's: clients look for them.
/// </remarks>
/// <param name="place">What is continued.</param>
/// <param name="tools">The tools that the create declares.</param>
internal sealed class CallLedger(Continuation place, DeclaredTools tools)
{
    /// <summary>The calls that the input answers.</summary>
    public IReadOnlySet<string> Answered => _answered ?? NothingAnswered;

    /// <summary>Nothing waits.</summary>
    public static readonly IReadOnlyDictionary<string, string> Nothing =
        new Dictionary<string, string>(StringComparer.Ordinal);

    private static readonly HashSet<string> NothingAnswered = new(StringComparer.Ordinal);

    private readonly Dictionary<string, string> _open = new(place.OpenCalls, StringComparer.Ordinal);
    private readonly List<Item> _unread = [];
    private HashSet<string>? _answered;
    private AsyncCalls? _async;

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
    public void Add(Item item, in ItemHead head, string path)
    {
        var answers = Answers(head.Type);
        if (IsCall(head.Type) || answers is not null || head.Type == AsyncCalls.AdditionalTools)
        {
            _unread.Add(item);
        }

        if (head.Type == AsyncCalls.AdditionalTools)
        {
            BackendRules.CheckPlaces(DeclaredTools.ReadItem(item.Json, path));
        }

        if (head.CallId is not { } callId)
        {
            return;
        }

        if (IsCall(head.Type) && !_open.TryAdd(callId, head.Type))
        {
            throw Refused($"Duplicate item found with id {IdOf(item) ?? callId}: the call {callId} is there twice. " +
                "Remove it from 'input' and try again.", path + ".call_id");
        }

        if (answers is not null && !(IsOpen(callId, answers) && _open.Remove(callId)) && !IsAsync(callId, answers))
        {
            throw Refused($"No tool call found for {Words(head.Type)} with call_id {callId}.", "input");
        }

        if (answers is not null)
        {
            (_answered ??= new HashSet<string>(StringComparer.Ordinal)).Add(callId);
        }
    }

    /// <summary>Refuses a turn that leaves a call without an answer.</summary>
    /// <param name="backend">Serves the turn.</param>
    /// <exception cref="ConversationException">A call still waits that may not.</exception>
    public void CheckAllAnswered(IModelBackend backend)
    {
        foreach (var (callId, type) in _open)
        {
            if (!backend.TakesOpenCalls || !IsAsync(callId, type))
            {
                throw Refused($"No tool output found for {Words(type)} {callId}.", "input");
            }
        }

        if (!backend.TakesOpenCalls)
        {
            CheckAllClosed();
        }
    }

    private static string Words(string type) => type.Replace('_', ' ');

    private static ConversationException Refused(string message, string path) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, path);

    private static string? IdOf(Item item)
    {
        using var tree = ItemTree.Read(item.Json.Span);
        return ItemHead.IdOf(tree);
    }

    /// <summary>Refuses a branch that a server without open calls cannot be given.</summary>
    private void CheckAllClosed()
    {
        var branch = ReadAll();
        foreach (var (tool, isAsync) in branch.Tools)
        {
            if (isAsync && !tools.All.ContainsKey(tool))
            {
                throw BackendRules.NoAsync(tool, "input");
            }
        }

        foreach (var (callId, call) in branch.Calls)
        {
            if (call.Outputs != 1)
            {
                throw Refused(call.Outputs == 0
                    ? $"No tool output found for {Words(call.Type)} {callId}."
                    : $"The {Words(call.Type)} {callId} has {call.Outputs} outputs, and this model takes one.",
                    "input");
            }
        }
    }

    private bool IsOpen(string callId, string type) => _open.TryGetValue(callId, out var open) && open == type;

    private bool IsAsync(string callId, string type) =>
        ReadAll().Calls.TryGetValue(callId, out var call) && call.Type == type;

    /// <summary>The async calls of the branch and of the input so far.</summary>
    private AsyncCalls ReadAll()
    {
        _async = (_async ?? AsyncCalls.Behind(place)).With(_unread, tools);
        _unread.Clear();
        return _async;
    }
}
