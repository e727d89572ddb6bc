using Evergrain.Conversations.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Settings;

/// <summary>
/// Reads options and registers what may be wrong with them. All rules belong to <see cref="EvergrainOptions"/>: its
/// first use, at the latest the server's start, reports every mistake of every section at once.
/// </summary>
internal static class SettingsExtensions
{
    /// <summary>Adds a rule.</summary>
    /// <param name="services">Where it is added.</param>
    /// <param name="find">Gives one sentence for each mistake.</param>
    public static IServiceCollection AddSettingsRule(this IServiceCollection services,
        Func<EvergrainOptions, IEnumerable<string>> find)
    {
        ArgumentNullException.ThrowIfNull(find);
        return services.AddSingleton<IValidateOptions<EvergrainOptions>>(new Rule(find));
    }

    /// <summary>Reads the options of a section, and reports its mistakes with all others.</summary>
    /// <returns>The options; defaults where the section cannot be read.</returns>
    public static T AddSettings<T>(this IServiceCollection services, IConfiguration configuration, string section)
        where T : class, new()
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var mistakes = new List<string>();
        var options = Read<T>(configuration.GetSection(section), mistakes);
        services.AddSettingsRule(_ => mistakes);
        return options;
    }

    /// <summary>Reads the options of a section.</summary>
    /// <param name="section">The section.</param>
    /// <param name="mistakes">Gets each mistake.</param>
    /// <param name="isStrict">Whether a name that the options do not know is a mistake.</param>
    /// <returns>The options; defaults where there is a mistake.</returns>
    internal static T Read<T>(IConfigurationSection section, List<string> mistakes, bool isStrict = false)
        where T : class, new()
    {
        var options = new T();
        var found = Bind(section, options, isStrict);
        if (found.Count == 0)
        {
            found = OptionRules.FindMistakes(options, section.Path);
        }

        mistakes.AddRange(found);
        return found.Count == 0 ? options : new T();
    }

    /// <summary>Binds a section to options; gives what cannot be read.</summary>
    internal static IReadOnlyList<string> Bind(IConfigurationSection section, object options, bool isStrict = false)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            return [$"{section.Path}: '{section.Value}' is not an object of settings."];
        }

        if (FindLoneValue(section, options) is { } lone)
        {
            // It may be a key, so the value is not repeated.
            return [$"{lone.Path}: a list belongs here, not one value; the environment has it as {lone.Key}__0."];
        }

        try
        {
            section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = isStrict);
            return [];
        }
        catch (InvalidOperationException e)
        {
            // An unknown name, or a value of another type; the message says which.
            return [$"{section.Path}: {e.Message}"];
        }
    }

    /// <summary>A value where a list belongs: the binder would pass over it without a word.</summary>
    private static IConfigurationSection? FindLoneValue(IConfigurationSection section, object options) => options
        .GetType().GetProperties()
        .Where(static property => property.PropertyType is { IsGenericType: true } type &&
            type.GetGenericTypeDefinition() == typeof(IList<>))
        .Select(property => section.GetSection(property.Name))
        .FirstOrDefault(static list => !string.IsNullOrEmpty(list.Value));

    private sealed class Rule(Func<EvergrainOptions, IEnumerable<string>> find) : IValidateOptions<EvergrainOptions>
    {
        public ValidateOptionsResult Validate(string? name, EvergrainOptions options) => find(options).ToList() switch
        {
            { Count: > 0 } mistakes => ValidateOptionsResult.Fail(mistakes),
            _ => ValidateOptionsResult.Success,
        };
    }
}
