namespace Evergrain.Providers.Dialects;

/// <summary>
/// What one kind of chat-completions server takes, and how it wants it. The defaults are those of <c>plain</c>: what
/// every server takes.
/// </summary>
/// <param name="Name">The name that the setting <c>Dialect</c> gives it.</param>
internal sealed record Dialect(string Name)
{
    public const string ObjectForm = "object", RequiredForm = "required";
    public const string PlainObject = "plain", ObjectWithSchema = "with_schema", ObjectAsSchema = "as_schema";
    public const string SystemRole = "system", UserRole = "user";

    /// <summary>The efforts that are known, from the least to the most.</summary>
    public static readonly string[] AllEfforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

    /// <summary>The values of an image's <c>detail</c>.</summary>
    public static readonly string[] AllImageDetails = ["auto", "low", "high", "original"];

    /// <summary>Members that only some servers take, and this one does; see <see cref="DialectMembers"/>.</summary>
    public IReadOnlyList<string> Members { get; init; } = [DialectMembers.StreamOptions];

    /// <summary>The member that bounds an answer's tokens.</summary>
    public string OutputLimitField { get; init; } = "max_tokens";

    /// <summary>The values of <c>reasoning_effort</c> that it knows; none: it does not take the member.</summary>
    public IReadOnlyList<string> Efforts { get; init; } = [];

    /// <summary>JSON members, each with the comma before it, where the model must not think at all.</summary>
    public string NoThinking { get; init; } = "";

    /// <summary>The role of a system message behind other messages: <c>system</c> or <c>user</c>.</summary>
    public string LaterSystem { get; init; } = UserRole;

    /// <summary>
    /// Whether speakers must alternate, as many templates want it: the first message is the user's, users in a row are
    /// joined, a user does not follow a tool, and the assistant does not come last.
    /// </summary>
    public bool Alternates { get; init; } = true;

    /// <summary>Whether an assistant message of the history may have more than one call.</summary>
    public bool ParallelCalls { get; init; } = true;

    /// <summary>The member of assistant messages that takes thoughts back; null: none does.</summary>
    public string? ReasoningField { get; init; }

    /// <summary>Whether thoughts go back only beside calls, and such a message has the member in any case.</summary>
    public bool ReasoningWithCalls { get; init; }

    /// <summary>Length of call ids, letters and digits, where it takes no others; 0: it takes any.</summary>
    public int CallIdLength { get; init; }

    /// <summary>
    /// JSON members, each with the comma before it, for the first call of a message that this server did not make.
    /// </summary>
    public string ForeignCall { get; init; } = "";

    /// <summary>
    /// How one function is forced: by the <c>object</c> that names it, or by offering that function alone with
    /// <c>required</c>.
    /// </summary>
    public string ForcedFunction { get; init; } = RequiredForm;

    /// <summary>JSON members, each with the comma before it, where the model must call a tool.</summary>
    public string MustCall { get; init; } = "";

    /// <summary>
    /// How any JSON object is asked for: <c>plain</c>, <c>with_schema</c> (a schema beside the type, without which
    /// nothing is constrained) or <c>as_schema</c> (as a JSON schema).
    /// </summary>
    public string JsonObject { get; init; } = PlainObject;

    /// <summary>Whether it takes JSON schemas of answers.</summary>
    public bool JsonSchema { get; init; } = true;

    /// <summary>The values of an image's <c>detail</c> that it knows; none: the member is left out.</summary>
    public IReadOnlyList<string> ImageDetails { get; init; } = ["auto", "low", "high"];

    /// <summary>Whether it takes files as parts of a message.</summary>
    public bool Files { get; init; } = true;

    /// <summary>Whether it takes audio as parts of a message.</summary>
    public bool Audio { get; init; } = true;

    /// <summary>How many <c>top_logprobs</c> it takes; 0: it has no log probabilities.</summary>
    public int LogprobsMax { get; init; } = 20;

    /// <summary>The member that names a conversation, so that its calls reach one cache; null: none does.</summary>
    public string? SessionField { get; init; }

    /// <summary>Tells renderings apart: the name, and a digest of what the settings say otherwise.</summary>
    public string Mark { get; init; } = Name;

    public bool Takes(string member) => Members.Contains(member, StringComparer.Ordinal);
}

/// <summary>The request members that servers do not agree on, by their name in chat completions.</summary>
internal static class DialectMembers
{
    public const string StreamOptions = "stream_options";
    public const string ParallelToolCalls = "parallel_tool_calls";
    public const string PresencePenalty = "presence_penalty";
    public const string FrequencyPenalty = "frequency_penalty";
    public const string User = "user";
    public const string SafetyIdentifier = "safety_identifier";
    public const string PromptCacheKey = "prompt_cache_key";
    public const string Verbosity = "verbosity";
    public const string ServiceTier = "service_tier";
    public const string Seed = "seed";
    public const string LogitBias = "logit_bias";

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<string> All =
    [
        StreamOptions, ParallelToolCalls, PresencePenalty, FrequencyPenalty, User, SafetyIdentifier, PromptCacheKey,
        Verbosity, ServiceTier, Seed, LogitBias,
    ];
}
