using System.ComponentModel.DataAnnotations;

namespace Evergrain.Conversations.Recognition;

/// <summary>Whether creates that bring a whole history continue the conversation that holds it.</summary>
public sealed class RecognitionOptions : IValidatableObject
{
    /// <summary>The value of <see cref="Recognition"/> for which stored creates are looked up.</summary>
    public const string Stored = "stored";

    /// <summary>The value for which unstored creates are looked up too.</summary>
    public const string All = "all";

    /// <summary>What <see cref="Recognition"/> may be.</summary>
    public const string Values = $"off|{Stored}|{All}";

    /// <summary>The longest <see cref="UnstoredGrace"/>.</summary>
    public static readonly TimeSpan UnstoredGraceMax = TimeSpan.FromDays(1);

    // The tenant whose settings speak for all that have none of their own.
    private const string Others = "*";

    private readonly Dictionary<string, string> _tenants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TimeSpan> _graces = new(StringComparer.Ordinal);

    /// <summary>
    /// Which creates are looked up: <c>off</c>, none; <c>stored</c>, those that are stored; <c>all</c>, unstored ones
    /// too. Default off. The setting of the same name of a tenant goes before it.
    /// </summary>
    [Required]
    [RegularExpression(Values, ErrorMessage = "Recognition must be off, stored or all.")]
    public string Recognition { get; set; } = "off";

    /// <summary>
    /// How long unstored content stays in memory after its last use, for histories that are sent again, where
    /// <see cref="Recognition"/> is <c>all</c>. 0 to 1 day; 0: unstored content is not recognised. Default 5 minutes.
    /// The setting of the same name of a tenant goes before it.
    /// </summary>
    public TimeSpan UnstoredGrace { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Ends of turns of a tenant in the index, and in the memory of each process, 1 to 10,000,000; the oldest go first.
    /// Each takes about 400 bytes. Default 20,000.
    /// </summary>
    [Range(1, 10_000_000)]
    public int RecognitionEntriesMax { get; set; } = 20_000;

    /// <summary>Whether any create is looked up.</summary>
    public bool IsOn => IsOnAs(Recognition) || _tenants.Values.Any(IsOnAs);

    /// <summary>Whether stored creates of a tenant are looked up.</summary>
    public bool IsOnFor(string tenant) => IsOnAs(Of(_tenants, tenant, Recognition));

    /// <summary>Whether unstored creates of a tenant are looked up.</summary>
    public bool IsAllFor(string tenant) => Of(_tenants, tenant, Recognition) == All;

    /// <summary>How long a tenant's unstored content is recognised after its last use; 0: it is not.</summary>
    public TimeSpan GraceOf(string tenant) => IsAllFor(tenant) ? Of(_graces, tenant, UnstoredGrace) : TimeSpan.Zero;

    /// <summary>
    /// Sets <see cref="Recognition"/> for a tenant, or for <c>*</c>: all that have no setting of their own.
    /// </summary>
    public void Set(string tenant, string recognition) => _tenants[tenant] = recognition;

    /// <summary>Sets <see cref="UnstoredGrace"/> for a tenant, or for <c>*</c>.</summary>
    public void SetGrace(string tenant, TimeSpan grace) => _graces[tenant] = grace;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        UnstoredGrace >= TimeSpan.Zero && UnstoredGrace <= UnstoredGraceMax
            ? []
            : [new ValidationResult("UnstoredGrace must be 0 to 1 day.", [nameof(UnstoredGrace)])];

    private static bool IsOnAs(string recognition) => recognition is Stored or All;

    private static T Of<T>(Dictionary<string, T> tenants, string tenant, T all) =>
        tenants.TryGetValue(tenant, out var own) || tenants.TryGetValue(Others, out own) ? own : all;
}
