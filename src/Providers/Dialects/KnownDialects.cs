using static Evergrain.Providers.Dialects.DialectMembers;

namespace Evergrain.Providers.Dialects;

/// <summary>
/// The dialects, one for each kind of server. docs/dialects.md has the same table with the source and version of each
/// fact.
/// </summary>
internal static class KnownDialects
{
    private static readonly string[] Common = [StreamOptions, ParallelToolCalls, PresencePenalty, FrequencyPenalty];

    /// <summary>What every server takes.</summary>
    public static readonly Dialect Plain = new("plain");

    public static readonly Dialect OpenAI = new("openai")
    {
        Members = [.. Common, User, SafetyIdentifier, PromptCacheKey, Verbosity, ServiceTier, Seed, LogitBias],
        OutputLimitField = "max_completion_tokens",
        Efforts = Dialect.AllEfforts,
        LaterSystem = Dialect.SystemRole,
        Alternates = false,
        ForcedFunction = Dialect.ObjectForm,
    };

    /// <summary>All, by name.</summary>
    public static readonly IReadOnlyList<Dialect> All =
    [
        Plain,
        OpenAI,
        OpenAI with { Name = "azure", Mark = "azure", Members = [.. Common, User, Seed, LogitBias] },
        new("vllm")
        {
            Members = [.. Common, User, Seed, LogitBias],
            Efforts = Dialect.AllEfforts,
            ReasoningField = "reasoning_content",
            ForcedFunction = Dialect.ObjectForm,
            Files = false,
        },
        new("sglang")
        {
            Members = [.. Common, User],
            Efforts = Dialect.AllEfforts,
            ReasoningField = "reasoning_content",
            ForcedFunction = Dialect.ObjectForm,
            Files = false,
            Audio = false,
        },
        new("llama.cpp")
        {
            Members = Common,
            Efforts = Dialect.AllEfforts,
            ReasoningField = "reasoning_content",
            JsonObject = Dialect.ObjectWithSchema,
            ImageDetails = [],
            Files = false,
        },
        new("ollama")
        {
            Members = [StreamOptions, PresencePenalty, FrequencyPenalty, Seed],
            ReasoningField = "reasoning",
            ImageDetails = [],
            Files = false,
        },
        new("lmstudio")
        {
            Members = [StreamOptions, PresencePenalty, FrequencyPenalty],
            JsonObject = Dialect.ObjectAsSchema,
            ImageDetails = [],
            Files = false,
            Audio = false,
            LogprobsMax = 0,
        },
        new("mistral")
        {
            Members = [ParallelToolCalls, PresencePenalty, FrequencyPenalty, PromptCacheKey],
            Efforts = ["none", "high"],
            CallIdLength = 9,
            Files = false,
            Audio = false,
            LogprobsMax = 0,
        },
        new("gemini")
        {
            Members = [StreamOptions],
            Efforts = ["minimal", "low", "medium", "high"],
            ForeignCall =
                ",\"extra_content\":{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}}",
            ImageDetails = [],
            Files = false,
            LogprobsMax = 0,
        },
        new("groq")
        {
            Members = [ParallelToolCalls, User, ServiceTier],
            OutputLimitField = "max_completion_tokens",
            Efforts = ["low", "medium", "high"],
            LaterSystem = Dialect.SystemRole,
            Alternates = false,
            ForcedFunction = Dialect.ObjectForm,
            Files = false,
            Audio = false,
            LogprobsMax = 0,
        },
        new("deepseek")
        {
            Members = [StreamOptions],
            Efforts = ["low", "high", "max"],
            ReasoningField = "reasoning_content",
            ReasoningWithCalls = true,
            ForcedFunction = Dialect.ObjectForm,
            NoThinking = ",\"thinking\":{\"type\":\"disabled\"}",
            MustCall = ",\"thinking\":{\"type\":\"disabled\"}",
            JsonSchema = false,
            Files = false,
            Audio = false,
            LogprobsMax = 0,
        },
        new("openrouter")
        {
            Members = [.. Common, User, PromptCacheKey, ServiceTier],
            Efforts = Dialect.AllEfforts,
            ForcedFunction = Dialect.ObjectForm,
            SessionField = "session_id",
        },
        new("bedrock")
        {
            Members = [],
            OutputLimitField = "max_completion_tokens",
            ImageDetails = [],
            Files = false,
            Audio = false,
            LogprobsMax = 0,
        },
    ];

    /// <summary>The names that the setting may have.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(static dialect => dialect.Name)];

    /// <summary>The dialect of a name; null if there is none.</summary>
    public static Dialect? Find(string name) => All.FirstOrDefault(dialect => dialect.Name == name);
}
