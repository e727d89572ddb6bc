using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;

namespace Evergrain.Providers.Dialects;

/// <summary>
/// What a server's settings say otherwise than its dialect does: <c>Evergrain:ModelServers:0:DialectEntries</c>. What
/// is left out stays as the dialect has it; an empty list means none. docs/dialects.md says what each entry means.
/// </summary>
public sealed class DialectOptions
{
    /// <summary>The optional request members it takes, and no others.</summary>
    public IList<string>? Members { get; set; }

    /// <summary>The values of <c>reasoning_effort</c> that it knows.</summary>
    public IList<string>? Efforts { get; set; }

    /// <summary>The role of later system messages: <c>system</c> or <c>user</c>.</summary>
    public string? LaterSystem { get; set; }

    /// <summary>Whether speakers must alternate.</summary>
    public bool? Alternates { get; set; }

    /// <summary>Whether an assistant message may have more than one call.</summary>
    public bool? ParallelCalls { get; set; }

    /// <summary>A JSON object of the members that a request has where the model must not think.</summary>
    [StringSyntax(StringSyntaxAttribute.Json)]
    public string? NoThinking { get; set; }

    /// <summary>A JSON object of the members that a request has where the model must call a tool.</summary>
    [StringSyntax(StringSyntaxAttribute.Json)]
    public string? MustCall { get; set; }

    /// <summary>A JSON object of the members of a message's first call, if another server made it.</summary>
    [StringSyntax(StringSyntaxAttribute.Json)]
    public string? ForeignCall { get; set; }

    /// <summary>Whether thoughts go back beside calls only.</summary>
    public bool? ReasoningWithCalls { get; set; }

    /// <summary>Length of call ids, 0 to 21; 0: any.</summary>
    [Range(0, 21)]
    public int? CallIdLength { get; set; }

    /// <summary>How one function is forced: <c>object</c> or <c>required</c>.</summary>
    public string? ForcedFunction { get; set; }

    /// <summary>How any JSON object is asked for: <c>plain</c>, <c>with_schema</c> or <c>as_schema</c>.</summary>
    public string? JsonObject { get; set; }

    /// <summary>Whether it takes JSON schemas of answers.</summary>
    public bool? JsonSchema { get; set; }

    /// <summary>The values of an image's <c>detail</c> that it knows.</summary>
    public IList<string>? ImageDetails { get; set; }

    /// <summary>Whether it takes files.</summary>
    public bool? Files { get; set; }

    /// <summary>Whether it takes audio.</summary>
    public bool? Audio { get; set; }

    /// <summary>How many <c>top_logprobs</c> it takes, 0 to 1000; 0: it has none.</summary>
    [Range(0, 1_000)]
    public int? LogprobsMax { get; set; }

    /// <summary>The member that names a conversation.</summary>
    public string? SessionField { get; set; }
}
