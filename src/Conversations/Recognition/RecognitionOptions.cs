using System.ComponentModel.DataAnnotations;

namespace Evergrain.Conversations.Recognition;

/// <summary>Whether creates that bring a whole history continue the conversation that holds it.</summary>
public sealed class RecognitionOptions
{
    internal const string Stored = "stored";

    /// <summary>
    /// Which creates are looked up: <c>off</c>, none; <c>stored</c>, those that are stored. Default off.
    /// </summary>
    [Required]
    [RegularExpression($"off|{Stored}", ErrorMessage = "Recognition must be off or stored.")]
    public string Recognition { get; set; } = "off";

    /// <summary>
    /// Ends of turns that each process knows of a tenant, 1 to 10,000,000; the oldest goes first. Each takes about
    /// 300 bytes. Default 20,000.
    /// </summary>
    [Range(1, 10_000_000)]
    public int RecognitionEntriesMax { get; set; } = 20_000;

    /// <summary>Whether any create is looked up.</summary>
    public bool IsOn => Recognition == Stored;
}
