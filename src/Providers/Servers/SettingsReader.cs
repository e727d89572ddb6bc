using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Evergrain.Providers.Dialects;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Reads options out of a section, and reports every name and value that it cannot read. An empty list in the section
/// stays an empty list. A value that is not repeated may be a secret.
/// </summary>
internal sealed class SettingsReader(List<string> mistakes)
{
    /// <summary>Reads a section; a setting that cannot be read keeps its default.</summary>
    /// <param name="section">The section.</param>
    /// <param name="options">What is filled.</param>
    /// <param name="place">What a mistake begins with.</param>
    public void Read(IConfigurationSection section, object options, string place)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            mistakes.Add($"{place} must be an object of settings.");
        }

        var known = options.GetType().GetProperties()
            .ToDictionary(static property => property.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var setting in section.GetChildren())
        {
            if (!known.TryGetValue(setting.Key, out var property))
            {
                mistakes.Add($"{place}: there is no setting '{setting.Key}'.");
            }
            else if (property.PropertyType == typeof(DialectOptions))
            {
                Read(setting, property.GetValue(options)!, $"{place}: {property.Name}");
            }
            else if (ValueOf(setting, property, place) is { } value)
            {
                property.SetValue(options, value);
            }
        }
    }

    /// <summary>The value of one setting; null if it says nothing, or cannot be read.</summary>
    private object? ValueOf(IConfigurationSection setting, PropertyInfo property, string place)
    {
        if (property.PropertyType == typeof(IList<string>))
        {
            return ListOf(setting, property.Name, place);
        }

        if (property.IsDefined(typeof(StringSyntaxAttribute)))
        {
            return SettingsJson.Of(setting);
        }

        if (setting.GetChildren().Any())
        {
            mistakes.Add($"{place}: {property.Name} must be one value.");
            return null;
        }

        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return type == typeof(string) ? setting.Value
            : string.IsNullOrEmpty(setting.Value) ? null
            : Parsed(setting.Value, type, $"{place}: {property.Name}");
    }

    private object? Parsed(string text, Type type, string setting)
    {
        if (type == typeof(bool))
        {
            return bool.TryParse(text, out var truth) ? truth : Refused("true or false");
        }

        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
                ? number
                : Refused("a whole number");
        }

        return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time)
            ? time
            : Refused("a time, written hh:mm:ss");

        object? Refused(string wanted)
        {
            mistakes.Add($"{setting} '{text}' must be {wanted}.");
            return null;
        }
    }

    private List<string>? ListOf(IConfigurationSection setting, string name, string place)
    {
        var elements = setting.GetChildren().ToList();
        if (!string.IsNullOrEmpty(setting.Value) || elements.Exists(static element => element.Value is null))
        {
            mistakes.Add($"{place}: {name} must be a list of texts; the environment has the first as {name}__0.");
            return null;
        }

        return elements.Count > 0 ? elements.ConvertAll(static element => element.Value!)
            : setting.Value is null ? null : [];
    }
}
