using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Finds what is wrong with options: by their attributes, and by the rules that they state themselves.
/// </summary>
[RequiresUnreferencedCode("It reads the attributes of properties.")]
public static class OptionRules
{
    /// <summary>Every mistake, one sentence each.</summary>
    /// <param name="options">What is checked.</param>
    /// <param name="section">The section that the options come from; it stands before each sentence.</param>
    public static IReadOnlyList<string> FindMistakes(object options, string? section = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var context = new ValidationContext(options);
        var wrong = new List<ValidationResult>();

        // The validator leaves out the own rules of options whose attributes are not met.
        if (!Validator.TryValidateObject(options, context, wrong, validateAllProperties: true) &&
            options is IValidatableObject own)
        {
            wrong.AddRange(own.Validate(context));
        }

        var place = section is null ? "" : $"{section}: ";
        return [.. wrong.Select(static result => result.ErrorMessage).Distinct(StringComparer.Ordinal)
            .Select(error => $"{place}{error}")];
    }

    /// <summary>Refuses options with mistakes.</summary>
    /// <exception cref="ValidationException">There is a mistake; the message holds all of them.</exception>
    public static void Check(object options)
    {
        if (FindMistakes(options) is { Count: > 0 } mistakes)
        {
            throw new ValidationException(string.Join(' ', mistakes));
        }
    }
}
