using System.ComponentModel.DataAnnotations;

namespace Evergrain.Conversations.Recognition;

/// <summary>Whether creates that bring a whole history continue the conversation that holds it.</summary>
public sealed class RecognitionOptions
{
    /// <summary>The value of <see cref="Recognition"/> for which stored creates are looked up.</summary>
    public const string Stored = "stored";

    /// <summary>What <see cref="Recognition"/> may be.</summary>
    public const string Values = $"off|{Stored}";

    // The tenant whose setting speaks for all that have none of their own.
    private const string Others = "*";

    private readonly Dictionary<string, bool> _tenants = new(StringComparer.Ordinal);

    /// <summary>
    /// Which creates are looked up: <c>off</c>, none; <c>stored</c>, those that are stored. Default off. The setting of
    /// the same name of a tenant goes before it.
    /// </summary>
    [Required]
    [RegularExpression(Values, ErrorMessage = "Recognition must be off or stored.")]
    public string Recognition { get; set; } = "off";

    /// <summary>
    /// Ends of turns of a tenant in the index, and in the memory of each process, 1 to 10,000,000; the oldest go first.
    /// Each takes about 400 bytes. Default 20,000.
    /// </summary>
    [Range(1, 10_000_000)]
    public int RecognitionEntriesMax { get; set; } = 20_000;

    /// <summary>Whether any create is looked up.</summary>
    public bool IsOn => Recognition == Stored || _tenants.ContainsValue(true);

    /// <summary>Whether creates of a tenant are looked up.</summary>
    public bool IsOnFor(string tenant) =>
        _tenants.TryGetValue(tenant, out var own) || _tenants.TryGetValue(Others, out own)
            ? own
            : Recognition == Stored;

    /// <summary>Sets it for a tenant, or for <c>*</c>: all that have no setting of their own.</summary>
    public void Set(string tenant, string recognition) => _tenants[tenant] = recognition == Stored;
}
